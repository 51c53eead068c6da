// One token through a layer of a Llama-shaped model: a matrix times a vector, and attention over the KV cache.
//
// Compiled by NVRTC without headers, as one text: instructions, numbers, products, widening, four_bits, attention. Defined
// from outside: KIND (how weights are stored), HEAD (length of a head), GROUP (query heads that share a key head), QUERIES
// (how many of them a block computes), CACHE_F16 (the cache holds float16, else bfloat16), BLOCK_WARPS (of a block that
// multiplies four-bit weights).

enum { BF16 = 0, F16 = 1, INT8 = 2, NF4 = 3, INT4 = 4 };

constexpr int WARPS = 8, THREADS = 32 * WARPS;
constexpr int WIDE = KIND == INT8 ? 16 : KIND >= NF4 ? 32 : 8;  // weights in 16 bytes
constexpr int STRIDE = WIDE + 4;                                // of the vector's pieces: spreads lanes over all banks
constexpr bool FOUR_BIT = KIND >= NF4;
constexpr int TABLE_WORDS = FOUR_BIT ? 256 * 32 : 0;  // two values for each byte, once for each lane: no conflicts
constexpr int NESTED_WORDS = KIND == NF4 ? 256 : 0;  // of the scales of scales

struct Matrix {
    const void* codes;
    const void* scales;         // INT8: float a row; NF4: uint8 a block of 64; INT4: float16 a group
    const void* more;           // NF4: float for 256 blocks; INT4: uint8 zero a group
    const float* bias;          // or null
    const float* nested_table;  // NF4: 256 values
    float offset;               // NF4
    int group;                  // INT4: columns
    int rows;
    int group_shift;            // INT4: pieces of 32 columns in a group, as a power of two
};

struct Product {
    Matrix matrices[3];  // stacked, as long as they have rows; for the gated product: gate and up
    const float* input;
    const float* gain;   // of the norm before it, in the order of the columns, or null
    const int* order;    // of the columns, or null
    float* output;
    const float* table;  // four bits: 16 values
    int columns;
    int rows;            // of all matrices; of the gate alone for the gated product
    float epsilon;
};

__device__ float as_float(u32 bits) { return __uint_as_float(bits); }

__device__ u16 float_to_bf16(float value) {  // to nearest even
    u32 bits = __float_as_uint(value);
    return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

__device__ float low16(u32 pair, bool f16) { return f16 ? half_to_float((u16)pair) : as_float(pair << 16); }
__device__ float high16(u32 pair, bool f16) { return f16 ? half_to_float((u16)(pair >> 16)) : as_float(pair & 0xffff0000u); }
__device__ u16 to16(float value, bool f16) { return f16 ? float_to_half(value) : float_to_bf16(value); }

__device__ float warp_sum(float value) {
    for (int step = 16; step; step >>= 1) value += __shfl_xor_sync(~0u, value, step);
    return value;
}

__device__ float warp_max(float value) {
    for (int step = 16; step; step >>= 1) value = fmaxf(value, __shfl_xor_sync(~0u, value, step));
    return value;
}
