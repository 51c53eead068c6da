// A matrix times a vector, computed in float32.
//
// Reading the weights is all that counts: a token uses each of them once. So each warp reads rows in 16-byte pieces,
// keeps the next piece on its way while it computes, and holds the vector in shared memory, padded so that no two lanes
// meet in a bank. What stands around a product (the norm before, the residual or the activation after) is done with it.

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
            value *= p.gain[i];
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
    SHARED_AT_LAUNCH(shared);
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

