// Attention of one token over the KV cache: keys are shared among blocks, and the last one to finish joins what they found.
//
// What was kept of earlier tokens does not depend on the kernel before, so the first keys and values are on their way
// before it is waited for; then always the next ones while these are computed. The new token's come from where they were
// computed, and one block writes them into the cache.

#ifdef HEAD

struct Attention {
    const float* heads;     // queries, keys and values of the token, head after head
    u16* keys;              // (heads, context, HEAD)
    u16* values;
    const float* cosine;    // (context, HEAD / 2)
    const float* sine;
    const float* query_gain;  // of a norm of each head, or null
    const float* key_gain;
    float* partial;           // (query heads, splits, HEAD + 2)
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
constexpr int LANES = 8, OWN = HEAD / LANES, WORDS = OWN / 4, ATTENTION_WARPS = 4, SLOTS = 4 * ATTENTION_WARPS;
constexpr int ATTENTION_THREADS = 32 * ATTENTION_WARPS, TURNS = (HEAD / 2 + 31) / 32, MOST_SPLITS = 32;

// Cosines and sines of the position for the values that a lane turns.
struct Turn {
    float cosine[TURNS], sine[TURNS];
};

// Norm and rotate a head of the token within a warp, in shared memory. Source: RoPE (arXiv 2104.09864), halves apart.
__device__ void prepare_head(const float* from, float* to, const float* gain, const Turn& turn, float epsilon) {
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
        to[i] = low[k] * turn.cosine[k] - high[k] * turn.sine[k];
        to[i + HEAD / 2] = high[k] * turn.cosine[k] + low[k] * turn.sine[k];
    }
}

// Sixteen bits of a lane's part of a key and a value.
struct Raw {
    uint2 key[WORDS], value[WORDS];
};

__device__ void fetch_raw(Raw& raw, const u16* keys, const u16* values, int at, int part) {
#pragma unroll
    for (int i = 0; i < WORDS; i++) {
        raw.key[i] = __ldcg((const uint2*)(keys + (long long)at * HEAD + part) + i);
        raw.value[i] = __ldcg((const uint2*)(values + (long long)at * HEAD + part) + i);
    }
}

__device__ void widen_four(float* to, uint2 four) {
    to[0] = low16(four.x, CACHE_HALF), to[1] = high16(four.x, CACHE_HALF);
    to[2] = low16(four.y, CACHE_HALF), to[3] = high16(four.y, CACHE_HALF);
}

// What a lane has found for its part of each query head: softmax without the last division.
struct Found {
    float sum[QUERIES][OWN], most[QUERIES], weight[QUERIES];
};

__device__ void attend(Found& found, const float query[QUERIES][OWN], const float* key, const float* value, bool counts) {
#pragma unroll
    for (int q = 0; q < QUERIES; q++) {
        float score = 0;
#pragma unroll
        for (int i = 0; i < OWN; i++) score += query[q][i] * key[i];
        for (int step = 1; step < LANES; step <<= 1) score += __shfl_xor_sync(~0u, score, step);
        if (!counts) score = -1e30f;
        const float higher = fmaxf(found.most[q], score), old = exp2f(found.most[q] - higher);
        const float now = counts ? exp2f(score - higher) : 0;
        found.most[q] = higher;
        found.weight[q] = found.weight[q] * old + now;
#pragma unroll
        for (int i = 0; i < OWN; i++) found.sum[q][i] = found.sum[q][i] * old + now * value[i];
    }
}

extern "C" __global__ void __launch_bounds__(ATTENTION_THREADS) attention(const __grid_constant__ Attention a) {
    __shared__ __align__(16) float queries[QUERIES + 1][HEAD];
    __shared__ float found_by[ATTENTION_WARPS][QUERIES][HEAD + 2];
    __shared__ float mosts[QUERIES * MOST_SPLITS], weights[QUERIES * MOST_SPLITS];
    __shared__ int last;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, splits = gridDim.y;
    const int first_query = blockIdx.x * QUERIES, key_head = first_query / (a.query_heads / a.key_heads);
    const int position = *a.position, begin = a.window ? max(0, position + 1 - a.window) : 0;
    const int share = ((position + 1 - begin + splits - 1) / splits + SLOTS - 1) / SLOTS * SLOTS;
    const int start = begin + blockIdx.y * share, end = min(position, start + share);  // of what is in the cache
    const bool newest = start <= position && position < start + share;
    u16* keys = a.keys + (long long)key_head * a.context * HEAD;
    u16* values = a.values + (long long)key_head * a.context * HEAD;
    const int slot = warp * 4 + lane / LANES, part = lane % LANES * OWN;
    Raw next;
    if (start + slot < end) fetch_raw(next, keys, values, start + slot, part);
    Turn turn;
#pragma unroll
    for (int k = 0; k < TURNS; k++) {
        const int i = min(lane + 32 * k, HEAD / 2 - 1);
        turn.cosine[k] = a.cosine[(long long)position * (HEAD / 2) + i];
        turn.sine[k] = a.sine[(long long)position * (HEAD / 2) + i];
    }
    wait_for_kernel_before();
    for (int i = warp; i <= QUERIES; i += ATTENTION_WARPS) {
        const int head = i < QUERIES ? first_query + i : a.query_heads + key_head;
        prepare_head(a.heads + head * HEAD, queries[i], i < QUERIES ? a.query_gain : a.key_gain, turn, a.epsilon);
    }
    __syncthreads();

    Found found;
    float query[QUERIES][OWN], key[OWN], value[OWN];
#pragma unroll
    for (int q = 0; q < QUERIES; q++) {
        found.most[q] = -1e30f, found.weight[q] = 0;
#pragma unroll
        for (int i = 0; i < OWN; i++) {
            found.sum[q][i] = 0;
            query[q][i] = queries[q][part + i] * a.scale * 1.4426950408889634f;
        }
    }
    for (int base = start; base < end; base += SLOTS) {
        const Raw raw = next;
        const bool counts = base + slot < end;
        if (base + slot + SLOTS < end) fetch_raw(next, keys, values, base + slot + SLOTS, part);
#pragma unroll
        for (int i = 0; i < WORDS; i++) {  // what was not fetched may be anything, even no number
            widen_four(key + 4 * i, raw.key[i]);
            widen_four(value + 4 * i, counts ? raw.value[i] : make_uint2(0, 0));
        }
        attend(found, query, key, value, counts);
    }
    if (newest && warp == 0) {
        const float* fresh = a.heads + (a.query_heads + a.key_heads + key_head) * HEAD;
#pragma unroll
        for (int i = 0; i < OWN; i++) {
            const u16 k = to16(queries[QUERIES][part + i], CACHE_HALF), v = to16(fresh[part + i], CACHE_HALF);
            key[i] = low16(k, CACHE_HALF), value[i] = low16(v, CACHE_HALF);
            if (slot == 0) keys[(long long)position * HEAD + part + i] = k, values[(long long)position * HEAD + part + i] = v;
        }
        attend(found, query, key, value, slot == 0);
    }
#pragma unroll
    for (int q = 0; q < QUERIES; q++) {
        for (int step = LANES; step < 32; step <<= 1) {  // join the four slots of a warp
            const float higher = fmaxf(found.most[q], __shfl_xor_sync(~0u, found.most[q], step));
            const float mine = exp2f(found.most[q] - higher);
            found.most[q] = higher;
            found.weight[q] *= mine;
            found.weight[q] += __shfl_xor_sync(~0u, found.weight[q], step);
#pragma unroll
            for (int i = 0; i < OWN; i++) {
                found.sum[q][i] *= mine;
                found.sum[q][i] += __shfl_xor_sync(~0u, found.sum[q][i], step);
            }
        }
        if (lane < LANES) {
            float* to = found_by[warp][q];
#pragma unroll
            for (int i = 0; i < OWN; i++) to[part + i] = found.sum[q][i];
            if (lane == 0) to[HEAD] = found.most[q], to[HEAD + 1] = found.weight[q];
        }
    }
    __syncthreads();
    for (int i = threadIdx.x; i < QUERIES * HEAD; i += ATTENTION_THREADS) {  // join the warps
        const int q = i / HEAD, own = i % HEAD;
        float higher = -1e30f, total = 0, joined = 0;
        for (int w = 0; w < ATTENTION_WARPS; w++) higher = fmaxf(higher, found_by[w][q][HEAD]);
        for (int w = 0; w < ATTENTION_WARPS; w++) {
            const float factor = exp2f(found_by[w][q][HEAD] - higher);
            joined += factor * found_by[w][q][own];
            total += factor * found_by[w][q][HEAD + 1];
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
    const float* all = a.partial + first_query * splits * (HEAD + 2);
    for (int i = threadIdx.x; i < QUERIES * splits; i += ATTENTION_THREADS) {
        mosts[i] = __ldcg(all + i * (HEAD + 2) + HEAD), weights[i] = __ldcg(all + i * (HEAD + 2) + HEAD + 1);
    }
    __syncthreads();
    for (int i = threadIdx.x; i < QUERIES * HEAD; i += ATTENTION_THREADS) {
        const int q = i / HEAD, own = i % HEAD;
        float higher = -1e30f, total = 0, joined = 0;
        for (int s = 0; s < splits; s++) higher = fmaxf(higher, mosts[q * splits + s]);
#pragma unroll 8
        for (int s = 0; s < splits; s++) {
            const float factor = exp2f(mosts[q * splits + s] - higher);
            joined += factor * __ldcg(all + (q * splits + s) * (HEAD + 2) + own);
            total += factor * weights[q * splits + s];
        }
        a.output[(first_query + q) * HEAD + own] = joined / total;
    }
    if (threadIdx.x == 0) a.done[blockIdx.x] = 0;
}

#endif
