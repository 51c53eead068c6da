// Attention of one token over the KV cache: keys are shared among blocks, and the last one to finish joins what they found.
//
// What was kept of earlier tokens does not depend on the kernel before, so the first keys and values are on their way
// before it is waited for. The new token's come from where they were computed, and one block writes them into the cache.
//
// Tensor cores multiply: 16 keys of a warp with up to four queries, each as two numbers of 16 bits, rounded and rest, so
// that keys and values need not be widened and queries keep their precision. The scores, two numbers of 16 bits as well,
// are turned within the warp by one instruction and multiplied with the values: (dimensions × keys) × (keys × queries).
// Source: PTX ISA 9.0, "Matrix fragments for mma.m16n8k16 with floating point type" and "movmatrix". Which dimension is
// which number of a fragment is free, as long as both sides agree: here each lane reads pieces that lie together.

#if defined(HEAD) && __CUDA_ARCH__ >= 750

struct Attention {
    const float* heads;     // queries, keys and values of the token, head after head
    u16* keys;              // (heads, context, HEAD)
    u16* values;
    const float* cosine;    // (context, HEAD / 2)
    const float* sine;
    const float* query_gain;  // of a norm of each head, or null
    const float* key_gain;
    float* partial;           // (query heads, splits, HEAD + 4): sums, then the largest score and the weight
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
constexpr int TILE = 16, PARTS = HEAD / 32, TURNS = (HEAD / 2 + 31) / 32, MOST_SPLITS = 32, ROW = HEAD + 4;
constexpr int ATTENTION_WARPS = 4, ATTENTION_THREADS = 32 * ATTENTION_WARPS;
constexpr int AT_ONCE = 16;          // splits whose parts are on their way together
static_assert(QUERIES * HEAD / 4 <= ATTENTION_THREADS && QUERIES <= ATTENTION_WARPS, "a thread for each four numbers");
constexpr int BLOCKS_OF_KEY = (GROUP + QUERIES - 1) / QUERIES;  // of query heads that share a key head
constexpr float NOTHING = -1e30f;

// The query heads of a block; the last of a key head may have fewer.
struct Own {
    int key_head, first, count;

    __device__ Own() : key_head(blockIdx.x / BLOCKS_OF_KEY), first(blockIdx.x % BLOCKS_OF_KEY * QUERIES), count(QUERIES) {
        if (GROUP % QUERIES) count = min(QUERIES, GROUP - first);
        first += key_head * GROUP;
    }
};

// Cosines and sines of the position for the values that a lane turns.
struct Turn {
    float cosine[TURNS], sine[TURNS];
};

// Norm, rotate and scale a head of the token within a warp, in shared memory. Source: RoPE (arXiv 2104.09864), halves apart.
__device__ void prepare_head(const float* from, float* to, const float* gain, const Turn& turn, float epsilon, float scale) {
    const int lane = threadIdx.x % 32;
    float low[TURNS] = {}, high[TURNS] = {}, square = 0;
#pragma unroll
    for (int k = 0; k < TURNS; k++) {
        const int i = lane + 32 * k;
        if (i < HEAD / 2) low[k] = from[i], high[k] = from[i + HEAD / 2];
        square += low[k] * low[k] + high[k] * high[k];
    }
    const float factor = gain ? rsqrtf(warp_sum(square) / HEAD + epsilon) : 1;
#pragma unroll
    for (int k = 0; k < TURNS; k++) {
        const int i = lane + 32 * k;
        if (i >= HEAD / 2) break;
        if (gain) low[k] *= factor * gain[i], high[k] *= factor * gain[i + HEAD / 2];
        to[i] = scale * (low[k] * turn.cosine[k] - high[k] * turn.sine[k]);
        to[i + HEAD / 2] = scale * (high[k] * turn.cosine[k] + low[k] * turn.sine[k]);
    }
}

__device__ u32 both16(float low, float high) { return to16(low, CACHE_HALF) | (u32)to16(high, CACHE_HALF) << 16; }

// What two numbers lose when they are rounded to a pair.
__device__ u32 rest16(float low, float high, u32 pair) {
    return both16(low - low16(pair, CACHE_HALF), high - high16(pair, CACHE_HALF));
}

__device__ void multiply_cached(float* sums, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
    if (CACHE_HALF) multiply_f16(sums, a0, a1, a2, a3, b0, b1);
    else multiply_bf16(sums, a0, a1, a2, a3, b0, b1);
}

// The lane's part of 16 keys and values: of the keys g and g + 8 eight dimensions of each 32, from 8t on; of the values
// 2t, 2t + 1, 2t + 8 and 2t + 9 four dimensions of each 32, from 4g on.
struct Tile16 {
    uint4 keys[PARTS][2];
    uint2 values[PARTS][4];
};

// Fetch the tile that begins at a token; behind the last token that one again: all that is read must be numbers.
__device__ void fetch_keys(Tile16& tile, const u16* keys, int first, int last) {
    const int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
    for (int k = 0; k < 2; k++) {
        const uint4* from = (const uint4*)(keys + (long long)min(first + g + 8 * k, last) * HEAD) + t;
#pragma unroll
        for (int j = 0; j < PARTS; j++) tile.keys[j][k] = __ldcg(from + 4 * j);
    }
}

__device__ void fetch_values(Tile16& tile, const u16* values, int first, int last) {
    const int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
    for (int k = 0; k < 4; k++) {
        const uint2* from = (const uint2*)(values + (long long)min(first + 2 * t + k % 2 + k / 2 * 8, last) * HEAD) + g;
#pragma unroll
        for (int j = 0; j < PARTS; j++) tile.values[j][k] = __ldcg(from + 8 * j);
    }
}

// Round the new key and value, and write them into the cache, by one warp.
__device__ void write_fresh(const Attention& a, const float* key, int key_head, int position, u16 fresh[2][HEAD]) {
    const float* value = a.heads + (a.query_heads + a.key_heads + key_head) * HEAD;
    const long long place = ((long long)key_head * a.context + position) * HEAD;
    for (int i = threadIdx.x % 32; i < HEAD; i += 32) {
        fresh[0][i] = to16(key[i], CACHE_HALF), fresh[1][i] = to16(value[i], CACHE_HALF);
        a.keys[place + i] = fresh[0][i], a.values[place + i] = fresh[1][i];
    }
    __syncwarp();
}

__device__ void read_fresh(Tile16& tile, const u16 fresh[2][HEAD]) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int j = 0; j < PARTS; j++) {
        for (int k = 0; k < 2; k++) tile.keys[j][k] = ((const uint4*)fresh[0])[lane % 4 + 4 * j];
        for (int k = 0; k < 4; k++) tile.values[j][k] = ((const uint2*)fresh[1])[lane / 4 + 8 * j];
    }
}

// Queries for the tensor cores: of the query g / 2 the rounded numbers or the rests.
struct Queries {
    u32 pairs[PARTS][4];
};

__device__ void load_queries(Queries& to, const float queries[][HEAD], int count) {
    const int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
    for (int j = 0; j < PARTS; j++) {
        const float* from = queries[min(g / 2, QUERIES - 1)] + 32 * j + 8 * t;
#pragma unroll
        for (int k = 0; k < 4; k++) {
            const float2 two = *(const float2*)(from + 2 * k);
            const u32 pair = both16(two.x, two.y);
            to.pairs[j][k] = g / 2 >= count ? 0 : g % 2 ? rest16(two.x, two.y, pair) : pair;
        }
    }
}

// What a lane has found for the query t: softmax without the last division, of four dimensions of each 32, from 4g on; for
// each the sums by rounded weights and by their rests. The weight is that of the lane's own keys.
struct Found {
    float sums[PARTS][2][4], most, weight;
};

__device__ void take_scores(Found& found, const Queries& queries, const Tile16& tile, int first, int end, u32* weights) {
    const int g = threadIdx.x % 32 / 4;
    float sums[2][4] = {};
#pragma unroll
    for (int j = 0; j < PARTS; j++) {
        const uint4 &low = tile.keys[j][0], &high = tile.keys[j][1];
        multiply_cached(sums[0], low.x, high.x, low.y, high.y, queries.pairs[j][0], queries.pairs[j][1]);
        multiply_cached(sums[1], low.z, high.z, low.w, high.w, queries.pairs[j][2], queries.pairs[j][3]);
    }
    float scores[2], most = found.most;
#pragma unroll
    for (int k = 0; k < 2; k++) {
        scores[k] = sums[0][2 * k] + sums[0][2 * k + 1] + (sums[1][2 * k] + sums[1][2 * k + 1]);
        if (first + g + 8 * k >= end) scores[k] = NOTHING;
        most = fmaxf(most, scores[k]);
    }
    for (int step = 4; step < 32; step <<= 1) most = fmaxf(most, __shfl_xor_sync(~0u, most, step));
    const float old = exp2f(found.most - most);
    found.most = most, found.weight *= old;
#pragma unroll
    for (int k = 0; k < 2; k++) {
        const float weight = scores[k] > NOTHING ? exp2f(scores[k] - most) : 0;
        const u32 rounded = to16(weight, CACHE_HALF);
        found.weight += weight;
        weights[k] = turned(rounded | (u32)to16(weight - low16(rounded, CACHE_HALF), CACHE_HALF) << 16);
    }
    if (__all_sync(~0u, old == 1)) return;
#pragma unroll
    for (int i = 0; i < PARTS * 8; i++) ((float*)found.sums)[i] *= old;
}

__device__ void take_values(Found& found, const Tile16& tile, const u32* weights) {
#pragma unroll
    for (int j = 0; j < PARTS; j++) {
        const uint2* v = tile.values[j];
#pragma unroll
        for (int half = 0; half < 2; half++) {
            u32 pairs[4];  // of two keys: one dimension, the next; then of the other two keys
#pragma unroll
            for (int k = 0; k < 2; k++) {
                const u32 one = half ? v[2 * k].y : v[2 * k].x, other = half ? v[2 * k + 1].y : v[2 * k + 1].x;
                pairs[2 * k] = __byte_perm(one, other, 0x5410), pairs[2 * k + 1] = __byte_perm(one, other, 0x7632);
            }
            multiply_cached(found.sums[j][half], pairs[0], pairs[1], pairs[2], pairs[3], weights[0], weights[1]);
        }
    }
}

// Write down what a warp has found.
__device__ void write_found(Found& found, float found_by[][ROW], int count) {
    const int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
    for (int step = 4; step < 32; step <<= 1) found.weight += __shfl_xor_sync(~0u, found.weight, step);
    if (t >= count) return;
#pragma unroll
    for (int j = 0; j < PARTS; j++) {
        const float(&sums)[2][4] = found.sums[j];
        *(float4*)(found_by[t] + 32 * j + 4 * g) = make_float4(sums[0][0] + sums[0][1], sums[0][2] + sums[0][3],
                                                               sums[1][0] + sums[1][1], sums[1][2] + sums[1][3]);
    }
    if (g == 0) found_by[t][HEAD] = found.most, found_by[t][HEAD + 1] = found.weight;
}

__device__ void add_scaled(float4& sum, float factor, float4 part) {
    sum.x += factor * part.x, sum.y += factor * part.y, sum.z += factor * part.z, sum.w += factor * part.w;
}

__device__ void load_parts(float4* parts, const float4* from, int first, int splits) {
#pragma unroll
    for (int k = 0; k < AT_ONCE; k++) parts[k] = __ldcg(from + min(first + k, splits - 1) * (ROW / 4));
}

// Join what the splits found, in the block that was the last to finish.
__device__ void join_splits(const Attention& a, const Own& heads, float shares[][MOST_SPLITS]) {
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, splits = gridDim.y, fours = heads.count * HEAD / 4;
    const float* all = a.partial + heads.first * splits * ROW;
    const int own = min((int)threadIdx.x, fours - 1), own_query = own / (HEAD / 4);
    const float4* from = (const float4*)(all + own_query * splits * ROW) + own % (HEAD / 4);
    float4 part[AT_ONCE], joined = {};
    load_parts(part, from, 0, splits);  // before the shares, which are waited for
    for (int q = warp; q < heads.count; q += ATTENTION_WARPS) {  // a lane for each split
        const float2 end = __ldcg((const float2*)(all + (q * splits + min(lane, splits - 1)) * ROW + HEAD));
        const float factor = exp2f(end.x - warp_max(end.x));
        shares[q][lane] = factor / warp_sum(lane < splits ? factor * end.y : 0);
    }
    __syncthreads();
    for (int s = 0; s < splits; s += AT_ONCE) {
        if (s) load_parts(part, from, s, splits);
#pragma unroll
        for (int k = 0; k < AT_ONCE; k++) {
            if (s + k < splits) add_scaled(joined, shares[own_query][s + k], part[k]);
        }
    }
    if ((int)threadIdx.x < fours) ((float4*)(a.output + (heads.first + own_query) * HEAD))[own % (HEAD / 4)] = joined;
    if (threadIdx.x == 0) a.done[blockIdx.x] = 0;
}

extern "C" __global__ void __launch_bounds__(ATTENTION_THREADS) attention(const __grid_constant__ Attention a) {
    __shared__ __align__(16) float queries[QUERIES + 1][HEAD];  // and the new key
    __shared__ __align__(16) u16 fresh[2][HEAD];                // the new key and value
    __shared__ __align__(16) float found_by[ATTENTION_WARPS][QUERIES][ROW];
    __shared__ float shares[QUERIES][MOST_SPLITS];
    __shared__ int last;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, splits = gridDim.y;
    const Own heads;
    const int position = *a.position, begin = a.window ? max(0, position + 1 - a.window) : 0;
    const int share = ((position + 1 - begin + splits - 1) / splits + TILE - 1) / TILE * TILE;
    const int start = begin + blockIdx.y * share, end = min(position, start + share);  // of what is in the cache
    const bool newest = start <= position && position < start + share;
    u16* keys = a.keys + (long long)heads.key_head * a.context * HEAD;
    u16* values = a.values + (long long)heads.key_head * a.context * HEAD;
    Tile16 tile;
    int first = start + warp * TILE;
    if (first < end) fetch_keys(tile, keys, first, end - 1), fetch_values(tile, values, first, end - 1);
    Turn turn;
#pragma unroll
    for (int k = 0; k < TURNS; k++) {
        const int i = min(lane + 32 * k, HEAD / 2 - 1);
        turn.cosine[k] = a.cosine[(long long)position * (HEAD / 2) + i];
        turn.sine[k] = a.sine[(long long)position * (HEAD / 2) + i];
    }
    wait_for_kernel_before();
    if (warp < heads.count) {  // scaled for powers of two in place of e
        const float* from = a.heads + (heads.first + warp) * HEAD;
        prepare_head(from, queries[warp], a.query_gain, turn, a.epsilon, a.scale * 1.4426950408889634f);
    }
    if (newest && warp == ATTENTION_WARPS - 1) {
        prepare_head(a.heads + (a.query_heads + heads.key_head) * HEAD, queries[QUERIES], a.key_gain, turn, a.epsilon, 1);
    }
    __syncthreads();

    Queries own;
    load_queries(own, queries, heads.count);
    Found found = {};
    found.most = NOTHING;
    u32 weights[2];
    for (; first < end; first += ATTENTION_WARPS * TILE) {
        const int next = first + ATTENTION_WARPS * TILE;
        take_scores(found, own, tile, first, end, weights);
        if (next < end) fetch_keys(tile, keys, next, end - 1);
        take_values(found, tile, weights);
        if (next < end) fetch_values(tile, values, next, end - 1);
    }
    if (newest && warp == ATTENTION_WARPS - 1) {  // the new token, alone in a tile
        write_fresh(a, queries[QUERIES], heads.key_head, position, fresh);
        read_fresh(tile, fresh);
        take_scores(found, own, tile, 0, 1, weights);
        take_values(found, tile, weights);
    }
    write_found(found, found_by[warp], heads.count);
    __syncthreads();
    for (int i = threadIdx.x; i < heads.count * HEAD / 4; i += ATTENTION_THREADS) {  // join the warps
        const int q = i / (HEAD / 4), at = i % (HEAD / 4) * 4;
        float higher = NOTHING, total = 0;
        float4 joined = {};
        for (int w = 0; w < ATTENTION_WARPS; w++) higher = fmaxf(higher, found_by[w][q][HEAD]);
        for (int w = 0; w < ATTENTION_WARPS; w++) {
            const float factor = exp2f(found_by[w][q][HEAD] - higher);
            add_scaled(joined, factor, *(const float4*)(found_by[w][q] + at));
            total += factor * found_by[w][q][HEAD + 1];
        }
        float* to = a.partial + ((heads.first + q) * splits + blockIdx.y) * ROW;
        *(float4*)(to + at) = joined;
        if (at == 0) *(float2*)(to + HEAD) = make_float2(higher, total);
    }
    __syncthreads();
    if (threadIdx.x == 0) last = count_up(a.done + blockIdx.x) == splits - 1;
    __syncthreads();
    if (last) join_splits(a, heads, shares);
}

#endif
