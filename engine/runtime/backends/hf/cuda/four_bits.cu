// A four-bit matrix times a vector on tensor cores: they multiply, so that instructions are left for unpacking.
//
// mma.m16n8k32 multiplies 16 rows of weights with 8 columns, all in bytes, and adds without an error. The vector is one
// column; the others are used to keep apart what each lane adds. A lane holds 32 weights that follow each other in its row;
// of the 8 columns, two are not zero at its places: the high and the low bytes of the vector's 32 values, as integers of 16
// bits. So the accumulators of a lane are the product of its own weights, and the scales of both are multiplied in float32.
//
// A unit is a tile of 16 rows, or two: for the gated product one of the gate and one of the other, else two of a matrix,
// where each processor has one unit then. A team of warps shares its columns. Weights come through a ring in shared memory,
// several steps ahead. The first of them are asked for before the vector is known, but not many: whatever is asked for is
// answered behind what was asked for before, and so is the vector, which all wait for.
// Source: PTX ISA 9.0, "Matrix fragments for mma.m16n8k32" and "prmt".

#if __CUDA_ARCH__ >= 800 && KIND >= 3

constexpr int BLOCK_THREADS = 32 * BLOCK_WARPS;
constexpr int LINE = 512;          // bytes of the ring for a row of each lane
constexpr int SPARE_BYTES = 256;   // zeros, but for the first two words of NF4
constexpr float MOST = 127 * 256;  // the largest integer of a vector

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
    float down;  // what their products are to be multiplied by
    int sum;     // INT4: what zeros are multiplied by, 16 times
};

template <int NUMBER>
__device__ u32 four_bytes(u32 a, u32 b, u32 c, u32 d) {  // one of each
    constexpr int TWO = NUMBER | 4 + NUMBER << 4;
    return __byte_perm(__byte_perm(a, b, TWO), __byte_perm(c, d, TWO), 0x5410);
}

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

    // Put them into shared memory as integers of two bytes, the largest of 32 columns being MOST. Returns the sum of squares,
    // for the norm.
    __device__ float prepare(const Product& p, int base, u8* vector, Piece* pieces) {
        const int words = p.columns / 8;
        float square = 0;
#pragma unroll
        for (int w = 0; w < WORDS; w++) {
            const int word = word_of(base, w);
            if (word - (int)threadIdx.x % 32 >= words) break;  // none of this warp
            square += prepare_word(word, x[w], gain[w], words, vector, pieces);
        }
        return square;
    }

    __device__ float prepare_word(int word, float* x, const float* gain, int words, u8* vector, Piece* pieces) {
        float square = 0, most = 0;
#pragma unroll
        for (int k = 0; k < 8; k++) {
            if (NORM) square += x[k] * x[k], x[k] *= word < words ? gain[k] : 0;
            most = larger(most, fabsf(x[k]));
        }
        most = larger(most, __shfl_xor_sync(~0u, most, 1));
        most = larger(most, __shfl_xor_sync(~0u, most, 2));
        put_bytes(word, x, most, words, vector, pieces);
        return square;
    }

    // Of two words 16 high bytes, then 16 low ones, in the order of the tensor cores' instructions.
    static __device__ void put_bytes(int word, const float* x, float most, int words, u8* vector, Piece* pieces) {
        constexpr float WHOLE = 3 << 22;  // a number this large has no fraction: its lowest bits are the integer
        const float up = most > 1e-30f ? __fdividef(MOST, most) : 0;
        u32 high[8], low[8];
        int sum = 0;
#pragma unroll
        for (int k = 0; k < 8; k++) {
            low[k] = __float_as_uint(x[k] * up + WHOLE), high[k] = __float_as_uint(x[k] * up + (WHOLE + 128));
            sum += low[k] - __float_as_uint(WHOLE);
        }
        if (KIND == INT4) {  // in NF4 there are no zeros
            sum += __shfl_xor_sync(~0u, sum, 1);
            sum += __shfl_xor_sync(~0u, sum, 2);
        }
        if (word >= words) return;
        u32* to = (u32*)vector + word / 2 * 16 + word % 2 * (KIND == INT4 ? 1 : 2);
        if (KIND == INT4) {  // of both words what the low halves of codes are multiplied by, then of both the others
            to[0] = four_bytes<1>(high[1], high[3], high[5], high[7]), to[4] = four_bytes<0>(low[1], low[3], low[5], low[7]);
            to[2] = four_bytes<1>(high[0], high[2], high[4], high[6]), to[6] = four_bytes<0>(low[0], low[2], low[4], low[6]);
        } else {  // each word by itself, as halves of bytes follow each other there
            to[0] = four_bytes<1>(high[1], high[0], high[3], high[2]), to[4] = four_bytes<0>(low[1], low[0], low[3], low[2]);
            to[1] = four_bytes<1>(high[5], high[4], high[7], high[6]), to[5] = four_bytes<0>(low[5], low[4], low[7], low[6]);
        }
        if (word % 4 == 0) pieces[word / 4] = {most / (KIND == INT4 ? 16 * MOST : MOST), 16 * sum};
    }
};

// What all sums are multiplied by: the norm of the vector.
__device__ float norm_of(const Product& p, const float* squares) {
    float square = 0;
#pragma unroll
    for (int warp = 0; warp < BLOCK_WARPS; warp++) square += squares[warp];
    return rsqrtf(square / p.columns + p.epsilon);
}

// The values of NF4 (QLoRA, arXiv 2305.14314, appendix E; ``NF4_VALUES`` in nf4.py) in seven bits, those below zero and those
// above it. The steps leave the least error, 0.0012 in the mean; the rounding to NF4 itself is 30 times that.
constexpr u32 BELOW_LOW = 0x2b394c6du, BELOW_HIGH = 0x000a141fu, ABOVE_LOW = 0x2a1f140au, ABOVE_HIGH = 0x7d5a4637u;
constexpr float BELOW_STEP = 0.0091776066f, ABOVE_STEP = 0.0080150444f;

struct Values {  // what would be moved to a register each time, since an instruction takes but one constant
    u32 below, above;

    __device__ u32 chosen_below(u32 halves) const { return chosen(below, BELOW_HIGH, halves); }
    __device__ u32 chosen_above(u32 halves) const { return chosen(above, ABOVE_HIGH, halves); }
};

// What tensor cores add up, of a tile: for the rows g and g + 8 two numbers each, of the vector's high and low bytes.
// INT4: of the low and of the high halves of codes' bytes; NF4: of the values below zero and above.
struct Sums {
    int one[4] = {}, other[4] = {};

    // Multiply 32 columns: a piece of the row g and one of the row g + 8.
    __device__ void multiply(const uint4& low, const uint4& high, const uint4* vector, const Values& values) {
        const uint4 first = vector[0], second = vector[4];
        if (KIND == INT4) {
            multiply_codes(low.x, high.x, low.y, high.y, first);
            multiply_codes(low.z, high.z, low.w, high.w, second);
        } else {
            multiply_values(low.x, high.x, first.x, first.y, values);
            multiply_values(low.y, high.y, first.z, first.w, values);
            multiply_values(low.z, high.z, second.x, second.y, values);
            multiply_values(low.w, high.w, second.z, second.w, values);
        }
    }

    __device__ void multiply_codes(u32 low0, u32 high0, u32 low1, u32 high1, uint4 bytes) {
        const u32 few = 0x0f0f0f0fu, more = 0xf0f0f0f0u;  // these count 16 times
        multiply_u8(one, low0 & few, high0 & few, low1 & few, high1 & few, bytes.x, bytes.y);
        multiply_u8(other, low0 & more, high0 & more, low1 & more, high1 & more, bytes.z, bytes.w);
    }

    // Half a byte chooses one of eight bytes; where its own highest bit is set, it gets the sign of that byte, zero.
    __device__ void multiply_values(u32 low, u32 high, u32 first, u32 second, const Values& values) {
        multiply_u8(one, values.chosen_below(low), values.chosen_below(high), values.chosen_below(low >> 16),
                    values.chosen_below(high >> 16), first, second);
        low ^= 0x88888888u, high ^= 0x88888888u;
        multiply_u8(other, values.chosen_above(low), values.chosen_above(high), values.chosen_above(low >> 16),
                    values.chosen_above(high >> 16), first, second);
    }

    // What the piece of a row gives.
    __device__ float product(int row, const Piece& piece, float scale, int zero) const {
        const int first = one[row * 2] * 256 + one[row * 2 + 1], second = other[row * 2] * 256 + other[row * 2 + 1];
        scale *= piece.down;
        if (KIND == INT4) return scale * (first * 16 + second - zero * piece.sum);
        return scale * (ABOVE_STEP * second - BELOW_STEP * first);
    }
};

// What a lane fetches next: a unit and a step of it.
template <int MODE, int TEAM, int TILES>
struct Ahead {
    static constexpr int ROWS = 2 * TILES, STAGES = 4 / TILES, STAGE = LINE * ROWS;
    int unit, left, own_left;  // steps of the unit; of them those in which this lane has columns
    const u8* codes[ROWS];

    __device__ void enter(const Product& p, int units, int steps, int piece, int g) {
        left = steps, own_left = 0;
        if (unit >= units) return;
        own_left = (p.columns / 32 - piece + TEAM * 4 - 1) / (TEAM * 4);
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            const Tile tile = tile_of<MODE, TILES>(p, unit, r / 2);
            const int row = min(tile.first + g + r % 2 * 8, tile.matrix->rows - 1);
            codes[r] = (const u8*)tile.matrix->codes + ((long long)row * (p.columns / 32) + piece) * 16;
        }
    }

    // Put the rows' pieces of this lane into a slot of the ring. `piece` is the lane's first of a row.
    __device__ void fetch(const Product& p, u32 slot, int units, int stride, int steps, int piece, int g) {
        if (--own_left >= 0) {
#pragma unroll
            for (int r = 0; r < ROWS; r++) copy16(slot + r * LINE, codes[r]), codes[r] += TEAM * 64;
        }
        close_copies();
        if (--left == 0) unit += stride, enter(p, units, steps, piece, g);
    }
};

// The scales that a lane needs for the piece at hand: of the rows g and g + 8 of each tile.
template <int MODE, int TILES>
struct OwnScales {
    static constexpr int ROWS = 2 * TILES;
    float scale[ROWS], offset[TILES];
    int zero[ROWS];
    int first[TILES];  // NF4: the number of the tile's first scale

    __device__ OwnScales(const Product& p, const Scales& scales, int unit) {
#pragma unroll
        for (int n = 0; n < TILES; n++) {
            const Tile tile = tile_of<MODE, TILES>(p, unit, n);
            offset[n] = tile.matrix->offset, first[n] = tile.first * scales.each;
        }
    }

    __device__ void load(const Scales& scales, const u8* from, const float* nested, int piece, int g) {
        const int own = min(piece >> scales.shift, scales.each - 1);
#pragma unroll
        for (int r = 0; r < ROWS; r++) {
            const u8* mine = from + r / 2 * scales.bytes;
            const int place = (g + r % 2 * 8) * scales.each + own, start = first[r / 2];
            if (KIND == NF4) {
                const float of_scale = ((const float*)(mine + scales.more))[(start + place >> 8) - (start >> 8)];
                scale[r] = nested[mine[place]] * of_scale + offset[r / 2];
            } else {
                scale[r] = half_to_float(((const u16*)mine)[place]), zero[r] = mine[scales.more + place];
            }
        }
    }
};

// What a block keeps where, and what its threads do. Shared memory: the vector and what belongs to its pieces, zeros, sums of
// warps, scales for two turns of each team, the ring, and NF4's scales of scales.
template <int MODE, int TEAM, int TILES>
struct Block {
    using Next = Ahead<MODE, TEAM, TILES>;
    static constexpr int ROWS = Next::ROWS, STAGES = Next::STAGES, TEAMS = BLOCK_WARPS / TEAM, FOUND = 2 * BLOCK_WARPS * 32;
    static constexpr bool NORM = MODE != ADD;
    static constexpr int WORDS = NORM ? (BLOCK_WARPS < 16 ? 2 : 1) : 4;

    const Product& p;
    const Scales scales;
    const int pieces, steps, padded;
    const int warp, lane, g, t, team, member;
    int units, stride, first_unit, first_piece;
    u8 *vector, *spare, *own_scales;
    Piece* vector_pieces;
    float *found, *nested;
    u32 ring, slot;
    Next ahead;

    __device__ Block(const Product& p, u8* shared)
        : p(p), scales(p), pieces(p.columns / 32), steps((pieces + 4 * TEAM - 1) / (4 * TEAM)), padded(steps * TEAM * 4),
          warp(threadIdx.x / 32), lane(threadIdx.x % 32), g(lane / 4), t(lane % 4), team(warp / TEAM), member(warp % TEAM),
          units(0), stride(gridDim.x * TEAMS), first_unit(blockIdx.x + team * gridDim.x), first_piece(member * 4 + t),
          vector(shared), vector_pieces((Piece*)(vector + padded * 128)), ahead{first_unit} {
        for (int m = 0; m < (MODE == GATED ? 1 : 3); m++) units += (p.matrices[m].rows + 15) / 16;
        if (MODE != GATED) units /= TILES;
        spare = (u8*)(vector_pieces + padded), found = (float*)(spare + SPARE_BYTES), own_scales = (u8*)(found + FOUND);
        const u8* rings = own_scales + TEAMS * 2 * TILES * scales.bytes;
        nested = (float*)(rings + BLOCK_WARPS * STAGES * Next::STAGE);
        own_scales += team * 2 * TILES * scales.bytes;
        ring = slot = shared_address(rings + warp * STAGES * Next::STAGE + lane * 16);
    }

    __device__ void fetch(u32 to) { ahead.fetch(p, to, units, stride, steps, first_piece, g); }

    __device__ void fetch_scales(int unit, int turn) {
        if (unit >= units) return;
        const u32 to = shared_address(own_scales) + turn * TILES * scales.bytes;
#pragma unroll
        for (int n = 0; n < TILES; n++) {
            const Tile tile = tile_of<MODE, TILES>(p, unit, n);
            scales.fetch(to + n * scales.bytes, tile, threadIdx.x % (TEAM * 32), TEAM * 32);
        }
    }

    // Put what does not depend on the vector into shared memory.
    __device__ void fill() {
        for (int i = threadIdx.x; i < SPARE_BYTES / 4; i += BLOCK_THREADS) {
            ((u32*)spare)[i] = KIND == NF4 && i < 2 ? i ? ABOVE_LOW : BELOW_LOW : 0;
        }
        for (int i = pieces * 8 + threadIdx.x; i < padded * 8; i += BLOCK_THREADS) {  // columns that there are not
            ((uint4*)vector)[i] = make_uint4(0, 0, 0, 0), vector_pieces[i / 8] = {0, 0};
        }
        if (KIND == NF4 && (int)threadIdx.x < NESTED_WORDS) {
            copy4(shared_address(nested + threadIdx.x), p.matrices[0].nested_table + threadIdx.x);
        }
    }

    // Fetch the first weights, and the vector as soon as the kernel before is done. Returns what all sums are to be
    // multiplied by; `squares` is a number of each warp in shared memory.
    __device__ float begin(float* squares) {
        ahead.enter(p, units, steps, first_piece, g);
        fetch(ring);
        fetch_scales(first_unit, 0);
        Columns<NORM, WORDS> columns;
        columns.load_beside(p, 0, vector);
        fill();
        wait_for_kernel_before();
        columns.load(p, 0, vector);
        close_copies();  // the scales
#pragma unroll 1  // the code is fetched for one use: the less of it, the sooner
        for (int s = 1; s < STAGES; s++) fetch(ring + s * Next::STAGE);
        float square = columns.prepare(p, 0, vector, vector_pieces);
        for (int base = WORDS * BLOCK_THREADS; base < p.columns / 8; base += WORDS * BLOCK_THREADS) {
            columns.load_beside(p, base, vector), columns.load(p, base, vector);
            square += columns.prepare(p, base, vector, vector_pieces);
        }
        if (NORM) {
            square = warp_sum(square);
            if (lane == 0) squares[warp] = square;
        }
        wait_for_copies_but<STAGES - 1>();  // the scales of the first unit
        __syncthreads();
        return NORM && member == 0 ? norm_of(p, squares) : 1;
    }

    // Multiply a unit's rows with the vector, as far as this lane has them.
    __device__ void multiply(float* total, int unit, int turn, const Values& values) {
        OwnScales<MODE, TILES> now(p, scales, unit);
        const bool own = g / 2 == t;  // of the 8 columns, this lane's
        const uint4* from = (const uint4*)(own ? vector + first_piece * 128 : spare + 64) + g % 2;
        for (int piece = first_piece; piece < padded; piece += TEAM * 4, from += own ? TEAM * 4 * 8 : 0) {
            const Piece of = vector_pieces[piece];
            now.load(scales, own_scales + turn * TILES * scales.bytes, nested, piece, g);
            wait_for_copies_but<STAGES - 1>();
            uint4 codes[ROWS];
#pragma unroll
            for (int r = 0; r < ROWS; r++) codes[r] = load_shared16(slot + r * LINE);
            fetch(slot);
            slot = slot + Next::STAGE == ring + STAGES * Next::STAGE ? ring : slot + Next::STAGE;
            Sums sums[TILES];
#pragma unroll
            for (int n = 0; n < TILES; n++) sums[n].multiply(codes[2 * n], codes[2 * n + 1], from, values);
#pragma unroll
            for (int r = 0; r < ROWS; r++) total[r] += sums[r / 2].product(r % 2, of, now.scale[r], now.zero[r]);
        }
    }

    // Join what the lanes and the warps of a team have of a unit, in its first warp: a row in each lane.
    __device__ float join(float* total, int turn) {
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
        wait_for_team<TEAM * 32>(team);
        float sum = 0;
        if (member == 0 && lane < TILES * 16) {
            for (int other = 0; other < TEAM; other++) sum += joined[other * 32 + lane];
        }
        return sum;
    }

    __device__ void write(float sum, const Tile& tile) {
        const int row = tile.first + lane % 16;
        const bool there = lane < TILES * 16 && row < tile.matrix->rows;
        if (there && tile.matrix->bias) sum += tile.matrix->bias[row];
        const float second = __shfl_down_sync(~0u, sum, 16);
        float* to = p.output + tile.output + lane % 16;
        if (there && MODE == GATED && lane < 16) *to = sum / (1 + __expf(-sum)) * second;
        if (there && MODE == ADD) *to += sum;
        if (there && MODE == STORE) *to = sum;
    }
};

template <int MODE, int TEAM, int TILES>
__device__ void four_bit_product(const Product& p) {
    SHARED_AT_LAUNCH(shared);
    __shared__ float squares[BLOCK_WARPS];
    Block<MODE, TEAM, TILES> block(p, (u8*)shared);
    const float factor = block.begin(squares);
    const Values values = *(const Values*)block.spare;
    int turn = 0;
    for (int unit = block.first_unit; unit < block.units; unit += block.stride, turn ^= 1) {
        block.fetch_scales(unit + block.stride, turn ^ 1);
        float total[2 * TILES] = {};
        block.multiply(total, unit, turn, values);
        const Tile tile = tile_of<MODE, TILES>(p, unit, block.lane / 16 % TILES);
        const float sum = block.join(total, turn);
        if (block.member == 0) block.write(sum * factor, tile);
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
