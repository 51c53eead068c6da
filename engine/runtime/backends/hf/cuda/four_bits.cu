// A four-bit matrix times a vector on tensor cores: they multiply, so that instructions are left for unpacking.
//
// mma.m16n8k16 multiplies 16 rows of weights with 8 columns. The vector is one column; the others are used to keep apart
// what each lane adds. A lane holds 32 weights that follow each other in its row; of the 8 columns, two are not zero at
// its places: the vector rounded to float16, and what the rounding left. So the accumulators of a lane are the product of
// its own weights with a vector of 22 bits, and the scale of its group is multiplied in float32.
//
// A unit is a tile of 16 rows, or two: for the gated product one of the gate and one of the other, else two of a matrix,
// where each processor has one unit then. A team of warps shares its columns. Weights come through a ring in shared memory,
// several steps ahead. The first of them are asked for before the vector is known, but not many: whatever is asked for is
// answered behind what was asked for before, and so is the vector, which all wait for.
// Source: PTX ISA 9.0, "Matrix fragments for mma.m16n8k16 with floating point type"; the exponent trick that makes float16
// of a four-bit number by one logical operation is from Kim et al., arXiv 2211.10017.

#if __CUDA_ARCH__ >= 800 && KIND >= 3

constexpr int BLOCK_THREADS = 32 * BLOCK_WARPS;
constexpr int LINE = 512;         // bytes of the ring for a row of each lane
constexpr int SPARE_BYTES = 256;  // zeros
constexpr u32 EXPONENT = 0x64006400u;  // two times 1024 in float16; the lowest bit of a fraction counts 1

__device__ u32 both_of(u32 bits, u32 mask) { return masked_or(bits, mask, EXPONENT); }  // four bits each, in 1024ths

// Which rows: the first of 16, in which matrix, and where its results go.
struct Tile {
    const Matrix* matrix;
    int first;
    int output;
};

template <int MODE, int TILES>
__device__ Tile tile_of(const Product& p, int unit, int number) {
    if (MODE == GATED) return {&p.matrices[number], unit * 16, unit * 16};
    int tile = unit * TILES + number, output = 0, which = 0;
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

// What belongs to 32 columns of the vector.
struct Piece {
    float down;       // what their products are to be multiplied by
    float exponents;  // what the exponents of the codes add to them
    float sum;        // what zeros are multiplied by
    float unused;
};

// Eight columns of the vector for each of WORDS words of a thread. Loads are apart from what is computed with them, so that
// all are on their way together, and before most of the weights.
template <bool NORM, int WORDS>
struct Columns {
    float x[WORDS][8], gain[WORDS][8];

    static __device__ int word_of(int base, int w) { return base + w * BLOCK_THREADS + threadIdx.x; }

    // Load what the kernel before does not compute. The places of reordered columns wait where their values will be.
    __device__ void load_beside(const Product& p, int base, u8* vector) {
#pragma unroll
        for (int w = 0; w < WORDS; w++) {
            const int word = word_of(base, w);
            if (word >= p.columns / 8) break;
            if (NORM) {
                *(float4*)gain[w] = ((const float4*)p.gain)[word * 2];
                *(float4*)(gain[w] + 4) = ((const float4*)p.gain)[word * 2 + 1];
            }
            if (!p.order) continue;
            ((int4*)vector)[word * 2] = ((const int4*)p.order)[word * 2];
            ((int4*)vector)[word * 2 + 1] = ((const int4*)p.order)[word * 2 + 1];
        }
    }

    __device__ void load(const Product& p, int base, const u8* vector) {
#pragma unroll
        for (int w = 0; w < WORDS; w++) {
            const int word = word_of(base, w);
#pragma unroll
            for (int k = 0; k < 8; k++) x[w][k] = 0;
            if (word >= p.columns / 8) continue;
            if (p.order) {
#pragma unroll
                for (int k = 0; k < 8; k++) x[w][k] = p.input[((const int*)vector)[word * 8 + k]];
            } else {
                *(float4*)x[w] = ((const float4*)p.input)[word * 2];
                *(float4*)(x[w] + 4) = ((const float4*)p.input)[word * 2 + 1];
            }
        }
    }

    // Put them into shared memory as pairs of float16 in the order of the weights of a word, rounded and rest: 32 bytes for
    // 8 columns. Each piece is multiplied by a power of two so that its largest value is below 2^15. Returns the sum of
    // squares, for the norm.
    __device__ float prepare(const Product& p, int base, u8* vector, Piece* pieces) {
        const int words = p.columns / 8;
        float square = 0;
        if constexpr (NORM) {
#pragma unroll
            for (int w = 0; w < WORDS; w++) {
                square += prepare_word(word_of(base, w), x[w], gain[w], words, vector, pieces);
            }
        } else {
#pragma unroll
            for (int w = 0; w < WORDS; w++) {
                const int word = word_of(base, w);
                if (word >= words) break;
                ((float4*)vector)[word * 2] = *(float4*)x[w], ((float4*)vector)[word * 2 + 1] = *(float4*)(x[w] + 4);
            }
#pragma unroll 1
            for (int w = 0; w < WORDS; w++) {
                const int word = word_of(base, w);
                if (word - (int)threadIdx.x % 32 >= words) break;
                float own[8] = {};
                if (word < words) *(float4*)own = ((float4*)vector)[word * 2], *(float4*)(own + 4) = ((float4*)vector)[word * 2 + 1];
                prepare_word(word, own, own, words, vector, pieces);
            }
        }
        return square;
    }

    __device__ float prepare_word(int word, float* x, const float* gain, int words, u8* vector, Piece* pieces) {
        float square = 0, most = 0;
#pragma unroll
        for (int k = 0; k < 8; k++) {
            if (NORM) square += x[k] * x[k], x[k] *= word < words ? gain[k] : 0;
            most = fmaxf(most, fabsf(x[k]));
        }
        most = fmaxf(most, __shfl_xor_sync(~0u, most, 1));
        most = fmaxf(most, __shfl_xor_sync(~0u, most, 2));
        const int shift = most > 0 ? min(141 - (int)(__float_as_uint(most) >> 23), 100) : 0;
        const float up = as_float((127 + shift) << 23);
        constexpr int ORDER[8] = {KIND == INT4 ? 1 : 0, KIND == INT4 ? 5 : 1, KIND == INT4 ? 0 : 2, KIND == INT4 ? 4 : 3,
                                  KIND == INT4 ? 3 : 4, KIND == INT4 ? 7 : 5, KIND == INT4 ? 2 : 6, KIND == INT4 ? 6 : 7};
        float all = 0, plain = 0;
        u32 pairs[8];
#pragma unroll
        for (int k = 0; k < 4; k++) {
            const int first = ORDER[2 * k], second = ORDER[2 * k + 1];
            const bool sixteenth = KIND == INT4 && first % 2 == 0;  // the high half of a byte counts 16 times
            const float low = x[first] * (sixteenth ? up / 16 : up), high = x[second] * (sixteenth ? up / 16 : up);
            pairs[k] = both_halves(low, high);
            const float rounded_low = low16(pairs[k], true), rounded_high = high16(pairs[k], true);
            pairs[4 + k] = both_halves(low - rounded_low, high - rounded_high);
            const float both = rounded_low + low16(pairs[4 + k], true) + (rounded_high + high16(pairs[4 + k], true));
            all += both, plain += sixteenth ? 16 * both : both;
        }
        if (word < words) {
            ((uint4*)vector)[word * 2] = *(uint4*)pairs, ((uint4*)vector)[word * 2 + 1] = *(uint4*)(pairs + 4);
        }
        if (KIND == INT4) {
            for (int step = 1; step < 4; step <<= 1) {
                all += __shfl_xor_sync(~0u, all, step), plain += __shfl_xor_sync(~0u, plain, step);
            }
        }
        if (word < words && word % 4 == 0) pieces[word / 4] = {as_float((127 - shift) << 23), 1024 * all, plain, 0};
        return square;
    }
};

// What all sums are multiplied by: the norm of the vector.
__device__ float norm_of(const Product& p, const float* squares) {
    float square = 0;
#pragma unroll
    for (int warp = 0; warp < BLOCK_WARPS; warp++) square += squares[warp];
    return rsqrtf(square / p.columns + p.epsilon);
}

// The values of NF4 as float16 (QLoRA, arXiv 2305.14314, appendix E; ``NF4_VALUES`` in nf4.py).
__constant__ u16 NF4_HALVES[16] = {0xbc00, 0xb992, 0xb833, 0xb652, 0xb48d, 0xb1ea, 0xadd4, 0x0000,
                                   0x2d18, 0x3126, 0x33e0, 0x3568, 0x370d, 0x3880, 0x39c9, 0x3c00};

// Two values of NF4 for a byte of a word; `table` is the address of this lane's own in shared memory.
__device__ u32 both_values(u32 table, u32 word, int byte) {
    return load_shared(table + (__byte_perm(word, 0, 0x4440 + byte) << 7));
}

// Eight columns of 16 rows: a word of the row `g` and one of the row `g + 8`, and the vector's pairs for them.
__device__ void multiply_word(float* sums, u32 low, u32 high, uint4 pairs, u32 table) {
    if (KIND == INT4) {
        const u32 few = 0x000f000fu, more = 0x00f000f0u;
        multiply_f16(sums, both_of(low, few), both_of(high, few), both_of(low, more), both_of(high, more), pairs.x, pairs.y);
        low >>= 8, high >>= 8;
        multiply_f16(sums, both_of(low, few), both_of(high, few), both_of(low, more), both_of(high, more), pairs.z, pairs.w);
    } else {
        u32 values[2][4];
#pragma unroll
        for (int k = 0; k < 4; k++) {
            values[0][k] = both_values(table, low, k), values[1][k] = both_values(table, high, k);
        }
        multiply_f16(sums, values[0][0], values[1][0], values[0][1], values[1][1], pairs.x, pairs.y);
        multiply_f16(sums, values[0][2], values[1][2], values[0][3], values[1][3], pairs.z, pairs.w);
    }
}

// What a lane fetches next: a unit and a step of it.
template <int MODE, int TEAM, int TILES>
struct Ahead {
    static constexpr int ROWS = 2 * TILES, STAGES = 4 / TILES, STAGE = LINE * ROWS;
    int unit, step, own_steps, stage;  // `own_steps`: in which this lane has columns
    const u8* codes[ROWS];

    __device__ void enter(const Product& p, int units, int piece, int g) {
        own_steps = 0;
        if (unit >= units) return;
        own_steps = (p.columns / 32 - piece + TEAM * 4 - 1) / (TEAM * 4);
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            const Tile tile = tile_of<MODE, TILES>(p, unit, r / 2);
            const int row = min(tile.first + g + r % 2 * 8, tile.matrix->rows - 1);
            codes[r] = (const u8*)tile.matrix->codes + ((long long)row * (p.columns / 32) + piece) * 16;
        }
    }

    // Put the rows' pieces of this lane into the ring. `piece` is the lane's first of a row.
    __device__ void fetch(const Product& p, u32 ring, int units, int stride, int steps, int piece, int g) {
        if (step < own_steps) {
#pragma unroll
            for (int r = 0; r < ROWS; r++) copy16(ring + stage * STAGE + r * LINE, codes[r]), codes[r] += TEAM * 64;
        }
        close_copies();
        stage = stage + 1 == STAGES ? 0 : stage + 1;
        if (++step == steps) {
            step = 0, unit += stride;
            enter(p, units, piece, g);
        }
    }
};

// The scales that a lane needs for the piece at hand: of the rows g and g + 8 of each tile.
template <int MODE, int TILES>
struct OwnScales {
    static constexpr int ROWS = 2 * TILES;
    float scale[ROWS], zero[ROWS], offset[TILES];
    int first[TILES];  // NF4: the number of the tile's first scale

    __device__ OwnScales(const Product& p, const Scales& scales, int unit) {
#pragma unroll
        for (int n = 0; n < TILES; n++) {
            const Tile tile = tile_of<MODE, TILES>(p, unit, n);
            offset[n] = tile.matrix->offset, first[n] = tile.first * scales.each;
        }
    }

    __device__ void load(const Scales& scales, const u8* from, const float* nested, int piece, int g) {
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            const u8* mine = from + r / 2 * scales.bytes;
            const int place = (g + r % 2 * 8) * scales.each + (piece >> scales.shift), start = first[r / 2];
            if (KIND == NF4) {
                const float of_scale = ((const float*)(mine + scales.more))[(start + place >> 8) - (start >> 8)];
                scale[r] = nested[mine[place]] * of_scale + offset[r / 2];
            } else {
                scale[r] = half_to_float(((const u16*)mine)[place]), zero[r] = mine[scales.more + place];
            }
        }
    }
};

template <int MODE, int TEAM, int TILES>
__device__ void four_bit_product(const Product& p) {
    using Next = Ahead<MODE, TEAM, TILES>;
    constexpr int ROWS = Next::ROWS, STAGES = Next::STAGES, TEAMS = BLOCK_WARPS / TEAM;
    constexpr bool NORM = MODE != ADD;
    constexpr int WORDS = NORM ? (BLOCK_WARPS < 16 ? 2 : 1) : 4;
    SHARED_AT_LAUNCH(shared);
    __shared__ float squares[BLOCK_WARPS];
    const Scales scales(p);
    const int pieces = p.columns / 32, warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    const int team = warp / TEAM, member = warp % TEAM, thread = threadIdx.x % (TEAM * 32);
    u8* vector = (u8*)shared;
    Piece* vector_pieces = (Piece*)(vector + p.columns * 4);
    u8* spare = (u8*)(vector_pieces + pieces);
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
    if (MODE != GATED) units /= TILES;
    const int quads = (pieces + 3) / 4, steps = (quads + TEAM - 1) / TEAM, stride = gridDim.x * TEAMS;
    const int first_unit = blockIdx.x + team * gridDim.x, first_piece = member * 4 + t;

    const bool has_nested = KIND == NF4 && (int)threadIdx.x < NESTED_WORDS;
    const float nested_value = has_nested ? p.matrices[0].nested_table[threadIdx.x] : 0;
    Next ahead = {first_unit, 0, 0, 0};
    ahead.enter(p, units, first_piece, g);
    int fetched = 0;
#pragma unroll 1  // the code is fetched for one use: the less of it, the sooner
    for (; fetched < min(p.early, STAGES); fetched++) ahead.fetch(p, ring_address, units, stride, steps, first_piece, g);
    if (first_unit < units) {
#pragma unroll
        for (int n = 0; n < TILES; n++) {
            scales.fetch(scales_address + n * scales.bytes, tile_of<MODE, TILES>(p, first_unit, n), thread, TEAM * 32);
        }
    }
    Columns<NORM, WORDS> columns;
    columns.load_beside(p, 0, vector);
    for (int i = threadIdx.x; i < SPARE_BYTES / 4; i += BLOCK_THREADS) ((u32*)spare)[i] = 0;
    if (KIND == NF4) {
        for (int i = threadIdx.x; i < 256 * 8; i += BLOCK_THREADS) {
            const u32 pair = NF4_HALVES[i / 128] | (u32)NF4_HALVES[i / 8 % 16] << 16;
            ((uint4*)table)[i] = make_uint4(pair, pair, pair, pair);
        }
        if (has_nested) nested[threadIdx.x] = nested_value;
    }
    wait_for_kernel_before();
    columns.load(p, 0, vector);
    close_copies();  // the scales
#pragma unroll 1
    for (; fetched < STAGES; fetched++) ahead.fetch(p, ring_address, units, stride, steps, first_piece, g);
    float square = columns.prepare(p, 0, vector, vector_pieces);
    for (int base = WORDS * BLOCK_THREADS; base < p.columns / 8; base += WORDS * BLOCK_THREADS) {
        columns.load_beside(p, base, vector), columns.load(p, base, vector);
        square += columns.prepare(p, base, vector, vector_pieces);
    }
    if (NORM) {
        square = warp_sum(square);
        if (lane == 0) squares[warp] = square;
    }
    if (p.early < 2) wait_for_copies_but<STAGES - 1>();  // the scales of the first unit
    else wait_for_copies_but<0>();
    __syncthreads();
    const float factor = NORM && member == 0 ? norm_of(p, squares) : 1;

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
                             tile_of<MODE, TILES>(p, unit + stride, n), thread, TEAM * 32);
            }
        }
        OwnScales<MODE, TILES> now(p, scales, unit);
        float total[ROWS] = {};
        const uint4* pairs = first_pairs;
        int piece = first_piece;
        for (int s = 0; s < steps; s++, piece += TEAM * 4, pairs += pair_stride) {
            const bool valid = piece < pieces;  // else all is multiplied by zeros
            const float4 of = *(const float4*)(valid ? vector_pieces + piece : (const Piece*)spare);
            now.load(scales, now_scales, nested, valid ? piece : 0, g);
            wait_for_copies_but<STAGES - 1>();
            uint4 codes[ROWS];
#pragma unroll
            for (int r = 0; r < ROWS; r++) codes[r] = *(const uint4*)(ring + current * Next::STAGE + r * LINE);
            current = current + 1 == STAGES ? 0 : current + 1;
            ahead.fetch(p, ring_address, units, stride, steps, first_piece, g);
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
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                const float(&both)[2][4] = parts[r / 2];
                const float part = both[0][r % 2 * 2] + both[0][r % 2 * 2 + 1] + both[1][r % 2 * 2] + both[1][r % 2 * 2 + 1];
                total[r] += now.scale[r] * of.x * (KIND == NF4 ? part : part - of.y - now.zero[r] * of.z);
            }
        }
        float* joined = found + (turn * TEAMS + team) * TEAM * 32;
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            total[r] += __shfl_xor_sync(~0u, total[r], 1);
            total[r] += __shfl_xor_sync(~0u, total[r], 2);
            if (t == 0) joined[member * 32 + r * 8 + g] = total[r];
        }
        const Tile tile = tile_of<MODE, TILES>(p, unit, lane / 16 % TILES);
        // The scales of the next unit came with the first step of this one; all threads have them behind the barrier.
        if (steps < STAGES) wait_for_copies_but<0>();
        else wait_for_copies_but<STAGES - 1>();
        wait_for_team<TEAM * 32>(team);
        if (member == 0) {
            float sum = 0;
            if (lane < TILES * 16) {
                for (int other = 0; other < TEAM; other++) sum += joined[other * 32 + lane];
            }
            sum *= factor;
            const int row = tile.first + lane % 16;
            const bool there = lane < TILES * 16 && row < tile.matrix->rows;
            if (there && tile.matrix->bias) sum += tile.matrix->bias[row];
            const float second = __shfl_down_sync(~0u, sum, 16);
            float* to = p.output + tile.output + lane % 16;
            if (there && MODE == GATED && lane < 16) *to = sum / (1 + __expf(-sum)) * second;
            if (there && MODE == ADD) *to += sum;
            if (there && MODE == STORE) *to = sum;
        }
    }
    wait_for_copies();
}

#define FOUR_BITS(name, MODE, TEAM, TILES)                                                                            \
    extern "C" __global__ void __launch_bounds__(BLOCK_THREADS, 1) name##_##TEAM(const __grid_constant__ Product p) { \
        four_bit_product<MODE, TEAM, TILES>(p);                                                                       \
    }
#define FOUR_BITS_ALL(TEAM)                    \
    FOUR_BITS(four_bits_store, STORE, TEAM, 1) \
    FOUR_BITS(four_bits_add, ADD, TEAM, 1)     \
    FOUR_BITS(four_bits_gated, GATED, TEAM, 2)
FOUR_BITS_ALL(4)
FOUR_BITS_ALL(8)
#if BLOCK_WARPS >= 16
FOUR_BITS_ALL(16)
FOUR_BITS(four_bits_add2, ADD, 16, 2)
#endif

#endif
