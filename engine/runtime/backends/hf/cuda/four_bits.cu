// A four-bit matrix times a vector on tensor cores: they multiply, so that instructions are left for unpacking.
//
// mma.m16n8k16 multiplies 16 rows of weights with 8 columns. The vector is one column; the others are used to keep apart
// what each lane adds. A lane holds 32 weights that follow each other in its row; of the 8 columns, two are not zero at
// its places: the vector rounded to float16, and what the rounding left. So the accumulators of a lane are the product of
// its own weights with a vector of 22 bits, and the scale of its group is multiplied in float32.
//
// A unit is 16 rows (for the gated product 16 of the gate and 16 of the other), whose columns a team of warps shares.
// Weights come through a ring in shared memory, several steps ahead, and before the vector is known.
// Source: PTX ISA 9.0, "Matrix fragments for mma.m16n8k16 with floating point type"; the exponent trick that makes float16
// of a four-bit number by one logical operation is from Kim et al., arXiv 2211.10017.

#if __CUDA_ARCH__ >= 800 && KIND >= 3

constexpr int BLOCK_THREADS = 32 * BLOCK_WARPS;
constexpr int LINE = 512;         // bytes of the ring for a row of each lane
constexpr int SPARE_BYTES = 256;  // zeros
constexpr u32 EXPONENT = 0x64006400u;  // two times 1024 in float16; the lowest bit of a fraction counts 1

__device__ u32 shared_address(const void* pointer) { return (u32)__cvta_generic_to_shared(pointer); }

__device__ void copy16(u32 to, const void* from, int bytes = 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}

__device__ void copy4(u32 to, const void* from) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(to), "l"(from) : "memory");
}

template <int COUNT>
__device__ void wait_for_copies_but() {
    asm volatile("cp.async.wait_group %0;" ::"n"(COUNT) : "memory");
}

__device__ u32 both_of(u32 bits, u32 mask) {  // four bits each, as fractions of 1024
    u32 halves;
    asm("lop3.b32 %0, %1, %2, %3, 0xea;" : "=r"(halves) : "r"(bits), "r"(mask), "r"(EXPONENT));
    return halves;
}

__device__ void multiply(float* sums, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

// Which rows: the first of 16, in which matrix, and where its results go.
struct Tile {
    const Matrix* matrix;
    int first;
    int output;
};

template <int MODE>
__device__ Tile tile_of(const Product& p, int unit, int number) {
    if (MODE == GATED) return {&p.matrices[number], unit * 16, unit * 16};
    int tile = unit, output = 0, which = 0;
    while (which < 2) {
        const int tiles = (p.matrices[which].rows + 15) / 16;
        if (tile < tiles) break;
        tile -= tiles, output += p.matrices[which++].rows;
    }
    return {&p.matrices[which], tile * 16, output + tile * 16};
}

// The scales of 16 rows lie in one piece, and so does what goes with them: INT4 zeros, NF4 the scales of scales.
struct Scales {
    int each;   // scales of a row
    int shift;  // pieces of 32 columns to one, as a power of two
    int bytes;  // of all 16 rows, in shared memory
    int more;   // where the second part begins

    __device__ Scales(const Product& p) {
        const int pieces = p.columns / 32;
        shift = KIND == NF4 ? 1 : p.matrices[0].group_shift;
        each = (pieces + (1 << shift) - 1) >> shift;
        more = (16 * each * (KIND == NF4 ? 1 : 2) + 15) / 16 * 16;
        bytes = more + (KIND == NF4 ? (each / 16 + 2) * 4 + 15 : 16 * each + 15) / 16 * 16;
    }

    // Fetch those of a tile. Reads nothing behind the last.
    __device__ void fetch(u32 to, const Tile& tile, int thread, int threads) const {
        const Matrix& m = *tile.matrix;
        const int size = KIND == NF4 ? 1 : 2, first = tile.first * each, all = m.rows * each;
#pragma unroll 1
        for (int at = thread * 16; at < 16 * each * size; at += threads * 16) {
            const int left = all * size - first * size - at;
            if (left > 0) copy16(to + at, (const u8*)m.scales + (long long)first * size + at, min(left, 16));
        }
        if (KIND == INT4) {
#pragma unroll 1
            for (int at = thread * 16; at < 16 * each; at += threads * 16) {
                const int left = all - first - at;
                if (left > 0) copy16(to + more + at, (const u8*)m.more + first + at, min(left, 16));
            }
        } else if (thread <= each / 16 + 1) {
            const int number = (first >> 8) + thread;
            if (number * 256 < all) copy4(to + more + thread * 4, (const float*)m.more + number);
        }
    }
};

// The vector as pairs of float16 in the order of the weights of a word, rounded and rest: 32 bytes for 8 columns. It is
// multiplied by a power of two so that the largest value is below 2^15; returned is what sums are to be multiplied by.
// `sums` gets, for each piece of 32 columns, what the exponents of the codes add, and the sum that zeros are multiplied by.
__device__ float prepare_halves(const Product& p, u8* vector, float2* sums, float* found) {
    const int words = p.columns / 8, warp = threadIdx.x / 32;
    float square = 0, most = 0;
    for (int word = threadIdx.x; word < words; word += BLOCK_THREADS) {
        float x[8];
        if (p.order) {
#pragma unroll
            for (int k = 0; k < 8; k++) x[k] = p.input[p.order[word * 8 + k]];
        } else {
            *(float4*)x = ((const float4*)p.input)[word * 2], *(float4*)(x + 4) = ((const float4*)p.input)[word * 2 + 1];
        }
        if (p.gain) {
            float gain[8];
            if (p.order) {
#pragma unroll
                for (int k = 0; k < 8; k++) gain[k] = p.gain[p.order[word * 8 + k]];
            } else {
                *(float4*)gain = ((const float4*)p.gain)[word * 2];
                *(float4*)(gain + 4) = ((const float4*)p.gain)[word * 2 + 1];
            }
#pragma unroll
            for (int k = 0; k < 8; k++) square += x[k] * x[k], x[k] *= gain[k];
        }
#pragma unroll
        for (int k = 0; k < 8; k++) most = fmaxf(most, fabsf(x[k]));
        ((float4*)vector)[word * 2] = *(float4*)x, ((float4*)vector)[word * 2 + 1] = *(float4*)(x + 4);
    }
    square = warp_sum(square);
    for (int step = 16; step; step >>= 1) most = fmaxf(most, __shfl_xor_sync(~0u, most, step));
    if (threadIdx.x % 32 == 0) found[warp] = square, found[BLOCK_WARPS + warp] = most;
    __syncthreads();
    square = found[threadIdx.x % BLOCK_WARPS], most = found[BLOCK_WARPS + threadIdx.x % BLOCK_WARPS];
    for (int step = BLOCK_WARPS / 2; step; step >>= 1) {
        square += __shfl_xor_sync(~0u, square, step), most = fmaxf(most, __shfl_xor_sync(~0u, most, step));
    }
    const int shift = most > 0 ? min(141 - (int)(__float_as_uint(most) >> 23), 100) : 0;
    const float up = as_float((127 + shift) << 23);
    for (int base = 0; base < words; base += BLOCK_THREADS) {  // whole warps: four lanes join the sums of a piece
        const int word = base + threadIdx.x;
        float all = 0, plain = 0;
        if (word < words) {
            float x[8];
            u16 high[8], low[8];
            *(float4*)x = ((float4*)vector)[word * 2], *(float4*)(x + 4) = ((float4*)vector)[word * 2 + 1];
#pragma unroll
            for (int k = 0; k < 8; k++) {
                const bool sixteenth = KIND == INT4 && k % 2 == 0;  // the high half of a byte counts 16 times
                const float value = x[k] * (sixteenth ? up / 16 : up);
                high[k] = float_to_half(value);
                low[k] = float_to_half(value - half_to_float(high[k]));
                const float both = half_to_float(high[k]) + half_to_float(low[k]);
                all += both, plain += sixteenth ? 16 * both : both;
            }
            const int order[8] = {KIND == INT4, KIND == INT4 ? 5 : 1, KIND == INT4 ? 0 : 2, KIND == INT4 ? 4 : 3,
                                  KIND == INT4 ? 3 : 4, KIND == INT4 ? 7 : 5, KIND == INT4 ? 2 : 6, KIND == INT4 ? 6 : 7};
            u32 pairs[8];
#pragma unroll
            for (int k = 0; k < 4; k++) {
                pairs[k] = high[order[2 * k]] | (u32)high[order[2 * k + 1]] << 16;
                pairs[4 + k] = low[order[2 * k]] | (u32)low[order[2 * k + 1]] << 16;
            }
            ((uint4*)vector)[word * 2] = *(uint4*)pairs, ((uint4*)vector)[word * 2 + 1] = *(uint4*)(pairs + 4);
        }
        if (KIND == INT4) {
            for (int step = 1; step < 4; step <<= 1) {
                all += __shfl_xor_sync(~0u, all, step), plain += __shfl_xor_sync(~0u, plain, step);
            }
            if (word < words && word % 4 == 0) sums[word / 4] = make_float2(1024 * all, plain);
        }
    }
    __syncthreads();
    const float down = as_float((127 - shift) << 23);
    return p.gain ? down * rsqrtf(square / p.columns + p.epsilon) : down;
}

// Two values of NF4 for a byte of a word; `table` is the address of this lane's own in shared memory.
__device__ u32 both_values(u32 table, u32 word, int byte) {
    u32 values;
    asm("ld.shared.u32 %0, [%1];" : "=r"(values) : "r"(table + (__byte_perm(word, 0, 0x4440 + byte) << 7)));
    return values;
}

// Eight columns of 16 rows: a word of the row `g` and one of the row `g + 8`, and the vector's pairs for them.
__device__ void multiply_word(float* sums, u32 low, u32 high, uint4 pairs, u32 table) {
    if (KIND == INT4) {
        const u32 few = 0x000f000fu, more = 0x00f000f0u;
        multiply(sums, both_of(low, few), both_of(high, few), both_of(low, more), both_of(high, more), pairs.x, pairs.y);
        low >>= 8, high >>= 8;
        multiply(sums, both_of(low, few), both_of(high, few), both_of(low, more), both_of(high, more), pairs.z, pairs.w);
    } else {
        u32 values[2][4];
#pragma unroll
        for (int k = 0; k < 4; k++) {
            values[0][k] = both_values(table, low, k), values[1][k] = both_values(table, high, k);
        }
        multiply(sums, values[0][0], values[1][0], values[0][1], values[1][1], pairs.x, pairs.y);
        multiply(sums, values[0][2], values[1][2], values[0][3], values[1][3], pairs.z, pairs.w);
    }
}

// What a team fetches next: a unit and a step of it.
template <int MODE, int TEAM>
struct Ahead {
    static constexpr int TILES = MODE == GATED ? 2 : 1, ROWS = 2 * TILES, STAGES = 4 / TILES, STAGE = LINE * ROWS;
    int unit, step, stage;
    const u8* codes[ROWS];

    __device__ void enter(const Product& p, int units, int piece, int g) {
        if (unit >= units) return;
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            const Tile tile = tile_of<MODE>(p, unit, r / 2);
            const int row = min(tile.first + g + r % 2 * 8, tile.matrix->rows - 1);
            codes[r] = (const u8*)tile.matrix->codes + ((long long)row * (p.columns / 32) + piece) * 16;
        }
    }

    // Put the rows' pieces of this lane into the ring. `piece` is the lane's first, of all steps.
    __device__ void fetch(const Product& p, u32 ring, int units, int stride, int steps, int piece, int g) {
        if (unit < units && piece + step * TEAM * 4 < p.columns / 32) {
#pragma unroll
            for (int r = 0; r < ROWS; r++) copy16(ring + stage * STAGE + r * LINE, codes[r] + step * (TEAM * 64));
        }
        asm volatile("cp.async.commit_group;" ::: "memory");
        stage = stage + 1 == STAGES ? 0 : stage + 1;
        if (++step == steps) {
            step = 0, unit += stride;
            enter(p, units, piece, g);
        }
    }
};

template <int MODE, int TEAM>
__device__ void four_bit_product(const Product& p) {
    using Next = Ahead<MODE, TEAM>;
    constexpr int TILES = Next::TILES, ROWS = Next::ROWS, STAGES = Next::STAGES, TEAMS = BLOCK_WARPS / TEAM;
    extern __shared__ __align__(16) float shared[];
    const Scales scales(p);
    const int pieces = p.columns / 32, warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    const int team = warp / TEAM, member = warp % TEAM, thread = threadIdx.x % (TEAM * 32);
    u8* vector = (u8*)shared;
    float2* sums = (float2*)(vector + p.columns * 4);
    u8* spare = (u8*)sums + (pieces + 1) / 2 * 16;
    float* found = (float*)(spare + SPARE_BYTES);  // two times BLOCK_WARPS × 32
    u8* own_scales = (u8*)(found + 2 * BLOCK_WARPS * 32) + team * 2 * TILES * scales.bytes;
    u8* ring = (u8*)(found + 2 * BLOCK_WARPS * 32) + TEAMS * 2 * TILES * scales.bytes;
    u32* table = (u32*)(ring + BLOCK_WARPS * STAGES * Next::STAGE);
    float* nested = (float*)(table + TABLE_WORDS);
    const u32 lane_table = shared_address(table + lane);
    ring += warp * STAGES * Next::STAGE + lane * 16;
    const u32 ring_address = shared_address(ring), scales_address = shared_address(own_scales);
    int units = 0;
    for (int m = 0; m < (MODE == GATED ? 1 : 3); m++) units += (p.matrices[m].rows + 15) / 16;
    const int quads = (pieces + 3) / 4, steps = (quads + TEAM - 1) / TEAM, stride = gridDim.x * TEAMS;
    const int first_unit = blockIdx.x + team * gridDim.x, first_piece = member * 4 + t;

    Next ahead = {first_unit, 0, 0};
    ahead.enter(p, units, first_piece, g);
    if (first_unit < units) {
#pragma unroll
        for (int n = 0; n < TILES; n++) {
            scales.fetch(scales_address + n * scales.bytes, tile_of<MODE>(p, first_unit, n), thread, TEAM * 32);
        }
    }
#pragma unroll
    for (int n = 0; n < STAGES; n++) ahead.fetch(p, ring_address, units, stride, steps, first_piece, g);

    for (int i = threadIdx.x; i < SPARE_BYTES / 4; i += BLOCK_THREADS) ((u32*)spare)[i] = 0;
    if (KIND == NF4) {
        for (int i = threadIdx.x; i < 256 * 8; i += BLOCK_THREADS) {
            const int byte = i / 8;
            const u32 pair = float_to_half(p.table[byte >> 4]) | (u32)float_to_half(p.table[byte & 15]) << 16;
            ((uint4*)table)[i] = make_uint4(pair, pair, pair, pair);
        }
        for (int i = threadIdx.x; i < 256; i += BLOCK_THREADS) nested[i] = p.matrices[0].nested_table[i];
    }
    wait_for_kernel_before();
    wait_for_copies_but<STAGES - 1>();  // the scales of the first unit, before all threads meet
    const float factor = prepare_halves(p, vector, sums, found);

    const bool own = g / 2 == t;  // of the 8 columns, this lane's
    const uint4* first_pairs = (const uint4*)(own ? vector + first_piece * 128 : spare + 64) + g % 2;
    const int pair_stride = own ? TEAM * 4 * 8 : 0;
    int current = 0, turn = 0;
    for (int unit = first_unit; unit < units; unit += stride, turn ^= 1) {
        const u8* now_scales = own_scales + turn * TILES * scales.bytes;
        if (unit + stride < units) {
#pragma unroll
            for (int n = 0; n < TILES; n++) {
                scales.fetch(scales_address + ((turn ^ 1) * TILES + n) * scales.bytes,
                             tile_of<MODE>(p, unit + stride, n), thread, TEAM * 32);
            }
        }
        float total[ROWS] = {};
        const uint4* pairs = first_pairs;
        int piece = first_piece;
        for (int s = 0; s < steps; s++, piece += TEAM * 4, pairs += pair_stride) {
            wait_for_copies_but<STAGES - 1>();
            uint4 codes[ROWS];
#pragma unroll
            for (int r = 0; r < ROWS; r++) codes[r] = *(const uint4*)(ring + current * Next::STAGE + r * LINE);
            current = current + 1 == STAGES ? 0 : current + 1;
            ahead.fetch(p, ring_address, units, stride, steps, first_piece, g);
            const bool valid = piece < pieces;
            if (piece - t >= pieces) continue;
            float parts[TILES][2][4] = {};  // two sums, so that one need not wait for the other
            const uint4* from = valid || !own ? pairs : (const uint4*)(spare + 64) + g % 2;
#pragma unroll
            for (int word = 0; word < 4; word++) {
                const uint4 pair = from[word * 2];
#pragma unroll
                for (int n = 0; n < TILES; n++) {
                    const uint4 &low = codes[2 * n], &high = codes[2 * n + 1];
                    multiply_word(parts[n][word % 2], word == 0 ? low.x : word == 1 ? low.y : word == 2 ? low.z : low.w,
                                  word == 0 ? high.x : word == 1 ? high.y : word == 2 ? high.z : high.w, pair, lane_table);
                }
            }
            if (!valid) continue;
            const float2 sum = KIND == INT4 ? sums[piece] : make_float2(0, 0);
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                const float(&both)[2][4] = parts[r / 2];
                const float part = both[0][r % 2 * 2] + both[0][r % 2 * 2 + 1] + both[1][r % 2 * 2] + both[1][r % 2 * 2 + 1];
                const u8* mine = now_scales + r / 2 * scales.bytes;
                const int place = (g + r % 2 * 8) * scales.each + (piece >> scales.shift);
                if (KIND == NF4) {
                    const Tile tile = tile_of<MODE>(p, unit, r / 2);
                    const int first = tile.first * scales.each;
                    const float scale = ((const float*)(mine + scales.more))[(first + place >> 8) - (first >> 8)];
                    total[r] += (nested[mine[place]] * scale + tile.matrix->offset) * part;
                } else {
                    const float zero = mine[scales.more + place];
                    total[r] += half_to_float(((const u16*)mine)[place]) * (part - sum.x - zero * sum.y);
                }
            }
        }
        float* joined = found + (turn * TEAMS + team) * TEAM * 32;
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            total[r] += __shfl_xor_sync(~0u, total[r], 1);
            total[r] += __shfl_xor_sync(~0u, total[r], 2);
            if (t == 0) joined[member * 32 + r * 8 + g] = total[r];
        }
        // The scales of the next unit came with the first step of this one; all threads have them behind the barrier.
        if (steps < STAGES) wait_for_copies_but<0>();
        else wait_for_copies_but<STAGES - 1>();
        asm volatile("bar.sync %0, %1;" ::"r"(1 + team), "n"(TEAM * 32) : "memory");
        if (member != 0) continue;
        float sum = 0;
        if (lane < TILES * 16) {
            for (int other = 0; other < TEAM; other++) sum += joined[other * 32 + lane];
        }
        sum *= factor;
        const Tile tile = tile_of<MODE>(p, unit, lane / 16 % TILES);
        const int row = tile.first + lane % 16;
        const bool there = lane < TILES * 16 && row < tile.matrix->rows;
        if (there && tile.matrix->bias) sum += tile.matrix->bias[row];
        const float second = __shfl_down_sync(~0u, sum, 16);
        float* to = p.output + tile.output + lane % 16;
        if (!there) continue;
        if (MODE == GATED) {
            if (lane < 16) *to = sum / (1 + __expf(-sum)) * second;
        } else if (MODE == ADD) *to += sum;
        else *to = sum;
    }
    asm volatile("cp.async.wait_all;" ::: "memory");
}

#define FOUR_BITS(name, MODE, TEAM)                                                                               \
    extern "C" __global__ void __launch_bounds__(BLOCK_THREADS, 1) name(const __grid_constant__ Product p) {      \
        four_bit_product<MODE, TEAM>(p);                                                                          \
    }
FOUR_BITS(four_bits_store_4, STORE, 4)
FOUR_BITS(four_bits_store_8, STORE, 8)
FOUR_BITS(four_bits_add_4, ADD, 4)
FOUR_BITS(four_bits_add_8, ADD, 8)
FOUR_BITS(four_bits_gated_4, GATED, 4)
FOUR_BITS(four_bits_gated_8, GATED, 8)
#if BLOCK_WARPS >= 16
FOUR_BITS(four_bits_store_16, STORE, 16)
FOUR_BITS(four_bits_add_16, ADD, 16)
FOUR_BITS(four_bits_gated_16, GATED, 16)
#endif

#endif
