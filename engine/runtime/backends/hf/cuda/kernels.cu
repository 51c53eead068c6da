// One token through a layer of a Llama-shaped model: a matrix times a vector, and attention over the KV cache.
//
// Reading the weights is all that counts: a token uses each of them once. So each warp reads rows in 16-byte pieces,
// keeps the next piece on its way while it computes, and holds the vector in shared memory, padded so that no two lanes
// meet in a bank. What stands around a product (the norm before, the residual or the activation after) is done with it.
//
// Compiled by NVRTC without headers. Defined from outside: KIND (how weights are stored), HEAD (length of a head),
// QUERIES (query heads that a block computes), CACHE_F16 (the cache holds float16, else bfloat16).

enum { BF16 = 0, F16 = 1, INT8 = 2, NF4 = 3, INT4 = 4 };

typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;

constexpr int WARPS = 8, THREADS = 32 * WARPS;
constexpr int WIDE = KIND == INT8 ? 16 : KIND >= NF4 ? 32 : 8;  // weights in 16 bytes
constexpr int STRIDE = WIDE + 4;                                // of the vector's pieces: spreads lanes over all banks
constexpr bool FOUR_BIT = KIND >= NF4;
constexpr int TABLE_WORDS = FOUR_BIT ? 256 * 32 : 0;  // two values for each byte, once for each lane: no conflicts
constexpr int NESTED_WORDS = KIND == NF4 ? 256 : 0;

struct Matrix {
    const void* codes;
    const void* scales;         // INT8: float a row; NF4: uint8 a block of 64; INT4: float16 a group
    const void* more;           // NF4: float for 256 blocks; INT4: uint8 zero a group
    const float* bias;          // or null
    const float* nested_table;  // NF4: 256 values
    float offset;               // NF4
    int group;                  // INT4: columns
    int rows;
    int unused;
};

struct Product {
    Matrix matrices[3];  // stacked, as long as they have rows; for the gated product: gate and up
    const float* input;
    const float* gain;   // of the norm before it, or null
    const int* order;    // of the columns, or null
    float* output;
    const float* table;  // four bits: 16 values
    int columns;
    int rows;            // of all matrices; of the gate alone for the gated product
    float epsilon;
    int unused;
};

__device__ float as_float(u32 bits) { return __uint_as_float(bits); }

__device__ float half_to_float(u16 bits) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
}

__device__ u16 float_to_half(float value) {
    u16 bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}

__device__ u16 float_to_bf16(float value) {  // to nearest even
    u32 bits = __float_as_uint(value);
    return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

__device__ float low16(u32 pair, bool f16) { return f16 ? half_to_float((u16)pair) : as_float(pair << 16); }
__device__ float high16(u32 pair, bool f16) { return f16 ? half_to_float((u16)(pair >> 16)) : as_float(pair & 0xffff0000u); }
__device__ u16 to16(float value, bool f16) { return f16 ? float_to_half(value) : float_to_bf16(value); }

__device__ uint4 streamed(const uint4* from) {  // weights are used once: they shall not push others out of the cache
    uint4 piece;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(piece.x), "=r"(piece.y), "=r"(piece.z), "=r"(piece.w) : "l"(from));
    return piece;
}

// A kernel may be started while the one before still runs (cudaLaunchAttributeProgrammaticStreamSerialization): what does
// not depend on that is done before this line. All memory of the kernels before is visible after it.
__device__ void wait_for_kernel_before() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;\n\tgriddepcontrol.wait;" ::: "memory");
#endif
}

__device__ float warp_sum(float value) {
    for (int step = 16; step; step >>= 1) value += __shfl_xor_sync(~0u, value, step);
    return value;
}

// ---------------------------------------------------------------------------------------------- matrix times vector

// What was asked for, as it lies in memory: whoever looks at a value waits for it, so that is left for later.
template <int ROWS>
struct Pieces {
    uint4 codes[ROWS];
    u32 scale[ROWS];
    u32 more[ROWS];
};

template <int ROWS>
__device__ void fetch(Pieces<ROWS>& pieces, const Matrix* const* matrix, const int* row, int columns, int at) {
    const int group = KIND == INT4 ? at / (matrix[0]->group / WIDE) : at / 2;  // of this row
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        const Matrix& m = *matrix[r];
        const long long first = (long long)row[r] * columns + at * WIDE;
        const int halves = FOUR_BIT ? 2 : 1, size = KIND <= F16 ? 2 : 1;
        pieces.codes[r] = streamed((const uint4*)((const u8*)m.codes + first * size / halves));
        if (KIND == NF4) {
            const long long block = first / 64;
            pieces.scale[r] = ((const u8*)m.scales)[block];
            pieces.more[r] = ((const u32*)m.more)[block >> 8];
        }
        if (KIND == INT4) {
            const long long place = (long long)row[r] * (columns / m.group) + group;
            pieces.scale[r] = ((const u16*)m.scales)[place];
            pieces.more[r] = ((const u8*)m.more)[place];
        }
    }
}

template <int ROWS>
__device__ float scale_of(const Pieces<ROWS>& pieces, int r, const Matrix& m, const float* nested) {
    if (KIND == NF4) return nested[pieces.scale[r]] * as_float(pieces.more[r]) + m.offset;
    return half_to_float((u16)pieces.scale[r]);
}

template <int ROWS>
__device__ void accumulate(float* sums, const Pieces<ROWS>& pieces, const Matrix* const* matrix, const float* vector,
                           const u32* table, const float* nested) {
    float parts[ROWS] = {};
    float total = 0;
    constexpr int PER_WORD = WIDE / 4;
#pragma unroll
    for (int word = 0; word < 4; word++) {
        __align__(16) float x[PER_WORD];
        if (PER_WORD == 2) *(float2*)x = *(const float2*)(vector + word * 2);
#pragma unroll
        for (int k = 0; k + 3 < PER_WORD; k += 4) *(float4*)(x + k) = *(const float4*)(vector + word * PER_WORD + k);
        if (KIND == INT4) {
#pragma unroll
            for (int k = 0; k < PER_WORD; k++) total += x[k];
        }
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            const u32 bits = word == 0 ? pieces.codes[r].x : word == 1 ? pieces.codes[r].y
                           : word == 2 ? pieces.codes[r].z : pieces.codes[r].w;
            if (KIND <= F16) {
                parts[r] += low16(bits, KIND == F16) * x[0] + high16(bits, KIND == F16) * x[1];
            } else if (KIND == INT8) {
                const u32 positive = bits ^ 0x80808080u;
#pragma unroll
                for (int k = 0; k < 4; k++) {  // a byte in the mantissa of 2^23
                    const float value = as_float(__byte_perm(positive, 0x4b000000u, 0x7440 + k)) - 8388736.0f;
                    parts[r] += value * x[k % PER_WORD];
                }
            } else {
#pragma unroll
                for (int k = 0; k < 4; k++) {
                    const u32 place = k ? (bits >> (8 * k - 7)) & 0x7f80u : (bits << 7) & 0x7f80u;  // byte × 128
                    const u32 pair = *(const u32*)((const u8*)table + place);
                    parts[r] += as_float(pair << 16) * x[(2 * k) % PER_WORD];
                    parts[r] += as_float(pair & 0xffff0000u) * x[(2 * k + 1) % PER_WORD];
                }
            }
        }
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        if (KIND == NF4) sums[r] += scale_of(pieces, r, *matrix[r], nested) * parts[r];
        else if (KIND == INT4) sums[r] += scale_of(pieces, r, *matrix[r], nested) * (parts[r] - pieces.more[r] * total);
        else sums[r] += parts[r];
    }
}

// Put the vector, its norm and the tables into shared memory; return what sums are to be multiplied by.
__device__ float prepare(const Product& p, float* vector, u32* table, float* nested) {
    __shared__ float squares[WARPS];
    float square = 0;
    if (FOUR_BIT) {
        for (int i = threadIdx.x; i < 256 * 8; i += THREADS) {
            const int byte = i / 8;
            const u32 pair = float_to_bf16(p.table[byte >> 4]) | (u32)float_to_bf16(p.table[byte & 15]) << 16;
            ((uint4*)table)[i] = make_uint4(pair, pair, pair, pair);
        }
    }
    if (KIND == NF4) {
        for (int i = threadIdx.x; i < 256; i += THREADS) nested[i] = p.matrices[0].nested_table[i];
    }
    wait_for_kernel_before();
    for (int i = threadIdx.x; i < p.columns; i += THREADS) {
        const int from = p.order ? p.order[i] : i;
        float value = p.input[from];
        if (p.gain) {
            square += value * value;
            value *= p.gain[from];
        }
        vector[i / WIDE * STRIDE + i % WIDE] = value;
    }
    square = warp_sum(square);
    if (threadIdx.x % 32 == 0) squares[threadIdx.x / 32] = square;
    __syncthreads();
    if (!p.gain) return 1;
    square = 0;
    for (int warp = 0; warp < WARPS; warp++) square += squares[warp];
    return rsqrtf(square / p.columns + p.epsilon);
}

enum { STORE = 0, ADD = 1, GATED = 2 };

// ROWS of each warp at once, and DEPTH pieces of each on their way; for the gated product half of the rows are of the gate.
template <int MODE, int ROWS, int DEPTH>
__device__ void product(const Product& p) {
    extern __shared__ __align__(16) float shared[];
    u32* table = (u32*)shared;
    float* nested = shared + TABLE_WORDS;
    float* vector = nested + NESTED_WORDS;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int pieces = p.columns / WIDE, each = MODE == GATED ? ROWS / 2 : ROWS;
    float factor = 0;
    bool ready = false;
    for (int group = blockIdx.x * WARPS + warp;; group += gridDim.x * WARPS) {
        const bool busy = group * each < p.rows;
        const Matrix* matrix[ROWS];
        int row[ROWS];
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            int number = min(group * each + (MODE == GATED ? r % each : r), p.rows - 1), which = 0;
            if (MODE == GATED) which = r / each;
            else while (which < 2 && number >= p.matrices[which].rows) number -= p.matrices[which++].rows;
            matrix[r] = &p.matrices[which];
            row[r] = number;
        }
        Pieces<ROWS> ring[DEPTH];
#pragma unroll
        for (int d = 0; d < DEPTH; d++) {
            if (busy && lane + 32 * d < pieces) fetch(ring[d], matrix, row, p.columns, lane + 32 * d);
        }
        if (!ready) {  // the first weights are on their way already
            factor = prepare(p, vector, table, nested);
            ready = true;
        }
        if (!busy) return;
        float sums[ROWS] = {};
        for (int base = lane; base < pieces; base += 32 * DEPTH) {
#pragma unroll
            for (int d = 0; d < DEPTH; d++) {
                const int at = base + 32 * d, later = at + 32 * DEPTH;
                if (at >= pieces) break;
                const Pieces<ROWS> now = ring[d];
                if (later < pieces) fetch(ring[d], matrix, row, p.columns, later);
                accumulate(sums, now, matrix, vector + at * STRIDE, table + lane, nested);
            }
        }
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            sums[r] = warp_sum(sums[r]) * factor;
            if (KIND == INT8) sums[r] *= ((const float*)matrix[r]->scales)[row[r]];
            if (matrix[r]->bias) sums[r] += matrix[r]->bias[row[r]];
        }
        if (lane == 0) {
#pragma unroll
            for (int r = 0; r < each; r++) {
                const int to = group * each + r;
                if (to >= p.rows) break;
                if (MODE == GATED) p.output[to] = sums[r] / (1 + __expf(-sums[r])) * sums[r + each];
                else if (MODE == ADD) p.output[to] += sums[r];
                else p.output[to] = sums[r];
            }
        }
    }
}

// The fewer rows a warp takes, the more warps there are for a small matrix; the more, the less it reads of the vector.
#define PRODUCT(name, MODE, ROWS, DEPTH)                                                                         \
    extern "C" __global__ void __launch_bounds__(THREADS, 2) name(const __grid_constant__ Product p) {          \
        product<MODE, ROWS, DEPTH>(p);                                                                           \
    }
PRODUCT(product_store_4, STORE, 4, 1)
PRODUCT(product_store_2, STORE, 2, 2)
PRODUCT(product_store_1, STORE, 1, 4)
PRODUCT(product_add_4, ADD, 4, 1)
PRODUCT(product_add_2, ADD, 2, 2)
PRODUCT(product_add_1, ADD, 1, 4)
PRODUCT(product_gated_4, GATED, 4, 1)
PRODUCT(product_gated_2, GATED, 2, 2)

// ------------------------------------------------------------------------------------ four bits to 16, for a prompt

struct Widening {
    Matrix matrix;
    const float* table;
    u16* output;
    int columns;
    int f16;
};

extern "C" __global__ void widen(const __grid_constant__ Widening w) {
    __shared__ float table[16];
    if (threadIdx.x < 16) table[threadIdx.x] = w.table[threadIdx.x];
    __syncthreads();
    const long long piece = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (!FOUR_BIT || piece * 32 >= (long long)w.matrix.rows * w.columns) return;
    Pieces<1> p;
    const Matrix* matrix = &w.matrix;
    const int row = piece * 32 / w.columns, at = piece - (long long)row * (w.columns / 32);
    fetch(p, &matrix, &row, w.columns, at);
    const float scale = scale_of(p, 0, w.matrix, w.matrix.nested_table), zero = KIND == INT4 ? p.more[0] : 0;
    const u32 words[4] = {p.codes[0].x, p.codes[0].y, p.codes[0].z, p.codes[0].w};
    uint4* output = (uint4*)(w.output + piece * 32);
#pragma unroll
    for (int word = 0; word < 4; word++) {
        u32 pairs[4];
#pragma unroll
        for (int k = 0; k < 4; k++) {
            const u32 byte = words[word] >> (8 * k) & 255;
            const float even = (table[byte >> 4] - zero) * scale, odd = (table[byte & 15] - zero) * scale;
            pairs[k] = to16(even, w.f16) | (u32)to16(odd, w.f16) << 16;
        }
        output[word] = make_uint4(pairs[0], pairs[1], pairs[2], pairs[3]);
    }
}

// ---------------------------------------------------------------------------------------------------------- attention

#ifdef HEAD

struct Attention {
    const float* heads;     // queries, keys and values of the token, head after head
    u16* keys;              // (heads, context, HEAD)
    u16* values;
    const float* cosine;    // (context, HEAD / 2)
    const float* sine;
    const float* query_gain;  // of a norm of each head, or null
    const float* key_gain;
    float* partial;         // (query heads, splits, HEAD + 2)
    int* done;              // a counter for each group of query heads, zero between two calls
    float* output;          // (query heads, HEAD)
    const long long* position;
    int context;
    int query_heads;
    int key_heads;
    int window;             // 0: all before
    float scale;
    float epsilon;
};

constexpr bool CACHE_HALF = CACHE_F16;
constexpr int LANES = 8, OWN = HEAD / LANES, SLOTS = 16, ATTENTION_THREADS = 128;

// Norm and rotate a head of the token within a warp, in shared memory. Source: RoPE (arXiv 2104.09864), halves apart.
__device__ void prepare_head(const float* from, float* to, const float* gain, const Attention& a, long long position) {
    const int lane = threadIdx.x % 32;
    float square = 0;
    for (int i = lane; i < HEAD; i += 32) square += from[i] * from[i];
    const float factor = gain ? rsqrtf(warp_sum(square) / HEAD + a.epsilon) : 1;
    for (int i = lane; i < HEAD / 2; i += 32) {
        const float cosine = a.cosine[position * (HEAD / 2) + i], sine = a.sine[position * (HEAD / 2) + i];
        float low = from[i] * factor, high = from[i + HEAD / 2] * factor;
        if (gain) low *= gain[i], high *= gain[i + HEAD / 2];
        to[i] = low * cosine - high * sine;
        to[i + HEAD / 2] = high * cosine + low * sine;
    }
}

__device__ void load_own(float* to, const u16* from) {
#pragma unroll
    for (int i = 0; i < OWN; i += 4) {
        const uint2 four = *(const uint2*)(from + i);
        to[i] = low16(four.x, CACHE_HALF), to[i + 1] = high16(four.x, CACHE_HALF);
        to[i + 2] = low16(four.y, CACHE_HALF), to[i + 3] = high16(four.y, CACHE_HALF);
    }
}

// Blocks share the keys of a head among them; the last one to finish joins what they found.
extern "C" __global__ void __launch_bounds__(ATTENTION_THREADS) attention(const __grid_constant__ Attention a) {
    __shared__ __align__(16) float queries[QUERIES + 1][HEAD];
    __shared__ float found[4][QUERIES][HEAD + 2];
    __shared__ int last;
    wait_for_kernel_before();
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, splits = gridDim.y;
    const int first_query = blockIdx.x * QUERIES, key_head = first_query / (a.query_heads / a.key_heads);
    const long long position = *a.position;
    const int seen = position + 1, begin = a.window ? max(0, seen - a.window) : 0;
    const int share = ((seen - begin + splits - 1) / splits + SLOTS - 1) / SLOTS * SLOTS;
    const int start = begin + blockIdx.y * share, end = min(seen, start + share);
    u16* keys = a.keys + (long long)key_head * a.context * HEAD;
    u16* values = a.values + (long long)key_head * a.context * HEAD;

    for (int i = warp; i <= QUERIES; i += 4) {
        const int head = i < QUERIES ? first_query + i : a.query_heads + key_head;
        prepare_head(a.heads + head * HEAD, queries[i], i < QUERIES ? a.query_gain : a.key_gain, a, position);
    }
    __syncthreads();
    if (start < seen && end == seen) {  // this block has the new token
        const float* value = a.heads + (a.query_heads + a.key_heads + key_head) * HEAD;
        for (int i = threadIdx.x; i < HEAD; i += ATTENTION_THREADS) {
            keys[position * HEAD + i] = to16(queries[QUERIES][i], CACHE_HALF);
            values[position * HEAD + i] = to16(value[i], CACHE_HALF);
        }
    }
    __syncthreads();

    const int slot = warp * 4 + lane / LANES, part = lane % LANES * OWN;
    float query[QUERIES][OWN], sum[QUERIES][OWN] = {}, most[QUERIES], weight[QUERIES] = {};
#pragma unroll
    for (int q = 0; q < QUERIES; q++) {
        most[q] = -1e30f;
#pragma unroll
        for (int i = 0; i < OWN; i++) query[q][i] = queries[q][part + i] * a.scale * 1.4426950408889634f;
    }
    for (int base = start; base < end; base += SLOTS) {
        const int at = min(base + slot, end - 1);
        float key[OWN], value[OWN];
        load_own(key, keys + (long long)at * HEAD + part);
        load_own(value, values + (long long)at * HEAD + part);
#pragma unroll
        for (int q = 0; q < QUERIES; q++) {
            float score = 0;
#pragma unroll
            for (int i = 0; i < OWN; i++) score += query[q][i] * key[i];
            for (int step = 1; step < LANES; step <<= 1) score += __shfl_xor_sync(~0u, score, step);
            if (base + slot >= end) score = -1e30f;
            const float higher = fmaxf(most[q], score), old = exp2f(most[q] - higher);
            const float now = base + slot < end ? exp2f(score - higher) : 0;
            most[q] = higher;
            weight[q] = weight[q] * old + now;
#pragma unroll
            for (int i = 0; i < OWN; i++) sum[q][i] = sum[q][i] * old + now * value[i];
        }
    }
#pragma unroll
    for (int q = 0; q < QUERIES; q++) {
        for (int step = LANES; step < 32; step <<= 1) {  // join the four slots of a warp
            const float other = __shfl_xor_sync(~0u, most[q], step), higher = fmaxf(most[q], other);
            const float mine = exp2f(most[q] - higher);
            most[q] = higher;
            weight[q] *= mine;
            weight[q] += __shfl_xor_sync(~0u, weight[q], step);
#pragma unroll
            for (int i = 0; i < OWN; i++) {
                sum[q][i] *= mine;
                sum[q][i] += __shfl_xor_sync(~0u, sum[q][i], step);
            }
        }
        if (lane < LANES) {
#pragma unroll
            for (int i = 0; i < OWN; i++) found[warp][q][part + i] = sum[q][i];
            if (lane == 0) found[warp][q][HEAD] = most[q], found[warp][q][HEAD + 1] = weight[q];
        }
    }
    __syncthreads();
    for (int i = threadIdx.x; i < QUERIES * HEAD; i += ATTENTION_THREADS) {  // join the four warps
        const int q = i / HEAD, own = i % HEAD;
        float higher = -1e30f, total = 0, joined = 0;
        for (int w = 0; w < 4; w++) higher = fmaxf(higher, found[w][q][HEAD]);
        for (int w = 0; w < 4; w++) {
            const float factor = exp2f(found[w][q][HEAD] - higher);
            joined += factor * found[w][q][own];
            total += factor * found[w][q][HEAD + 1];
        }
        float* to = a.partial + ((first_query + q) * splits + blockIdx.y) * (HEAD + 2);
        to[own] = joined;
        if (own == 0) to[HEAD] = higher, to[HEAD + 1] = total;
    }
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) last = atomicAdd(a.done + blockIdx.x, 1) == splits - 1;
    __syncthreads();
    if (!last) return;
    __threadfence();
    for (int i = threadIdx.x; i < QUERIES * HEAD; i += ATTENTION_THREADS) {
        const int q = i / HEAD, own = i % HEAD;
        const volatile float* from = a.partial + (first_query + q) * splits * (HEAD + 2);
        float higher = -1e30f, total = 0, joined = 0;
        for (int s = 0; s < splits; s++) higher = fmaxf(higher, from[s * (HEAD + 2) + HEAD]);
        for (int s = 0; s < splits; s++) {
            const float factor = exp2f(from[s * (HEAD + 2) + HEAD] - higher);
            joined += factor * from[s * (HEAD + 2) + own];
            total += factor * from[s * (HEAD + 2) + HEAD + 1];
        }
        a.output[(first_query + q) * HEAD + own] = joined / total;
    }
    if (threadIdx.x == 0) a.done[blockIdx.x] = 0;
}

#endif
