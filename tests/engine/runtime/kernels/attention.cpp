// Our attention over a KV cache on a processor, beside one in float64. Prints a line for each try.

#include "on_processor.h"
#include "numbers.cu"
#include "attention.cu"

constexpr int KEY_HEADS = 2, CONTEXT = 300, HEADS = GROUP * KEY_HEADS;
constexpr float SCALE = 0.088f, EPSILON = 1e-5f;
constexpr int POSITIONS[] = {0, 1, 15, 16, 17, 63, 64, 65, 130, 255, 299};

static float kept(u16 number) { return low16(number, CACHE_F16); }

struct Try {
    int position, window, splits;
    bool norms;
    std::vector<float> heads, cosine, sine, query_gain, key_gain, output, partial;
    std::vector<u16> keys, values;

    explicit Try(int number)
        : position(POSITIONS[number % 11]), window(number % 3 == 2 ? 40 : 0), splits(number % 2 ? 3 : 5), norms(number % 4 == 1),
          heads((HEADS + 2 * KEY_HEADS) * HEAD), cosine(CONTEXT * HEAD / 2), sine(cosine.size()), query_gain(HEAD),
          key_gain(HEAD), output(HEADS * HEAD), partial(HEADS * splits * ROW), keys(KEY_HEADS * CONTEXT * HEAD), values(keys.size()) {
        for (float& number : heads) number = 2 * drawn();
        for (float& gain : query_gain) gain = 0.5f + fabsf(drawn());
        for (float& gain : key_gain) gain = 0.5f + fabsf(drawn());
        for (size_t i = 0; i < cosine.size(); i++) {
            const float angle = drawn();
            cosine[i] = cosf(angle), sine[i] = sinf(angle);
        }
        for (size_t i = 0; i < keys.size(); i++) {
            const bool earlier = (int)(i / HEAD) % CONTEXT < position;  // what follows is no number
            keys[i] = earlier ? to16(2 * drawn(), CACHE_F16) : 0x7fff, values[i] = earlier ? to16(drawn(), CACHE_F16) : 0x7fff;
        }
    }

    std::vector<double> turned_head(int head, const std::vector<float>& gain) const {
        std::vector<double> plain(HEAD), turned(HEAD);
        double square = 0;
        for (int i = 0; i < HEAD; i++) plain[i] = heads[head * HEAD + i], square += plain[i] * plain[i];
        for (int i = 0; norms && i < HEAD; i++) plain[i] *= gain[i] / sqrt(square / HEAD + EPSILON);
        for (int i = 0; i < HEAD / 2; i++) {
            const double c = cosine[position * (HEAD / 2) + i], s = sine[position * (HEAD / 2) + i];
            turned[i] = plain[i] * c - plain[i + HEAD / 2] * s, turned[i + HEAD / 2] = plain[i + HEAD / 2] * c + plain[i] * s;
        }
        return turned;
    }

    // Attend in float64, with the new key and value rounded as the cache keeps them.
    std::vector<double> wanted() const {
        std::vector<double> answers;
        for (int head = 0; head < HEADS; head++) {
            const int group = head / GROUP, first = window ? max(0, position + 1 - window) : 0;
            const std::vector<double> query = turned_head(head, query_gain), key = turned_head(HEADS + group, key_gain);
            const float* value = heads.data() + (HEADS + KEY_HEADS + group) * HEAD;
            std::vector<double> weights;
            for (int at = first; at <= position; at++) {
                double score = 0;
                for (int i = 0; i < HEAD; i++) {
                    const u16 own = at < position ? keys[(group * CONTEXT + at) * HEAD + i] : to16((float)key[i], CACHE_F16);
                    score += query[i] * kept(own) * SCALE;
                }
                weights.push_back(score);
            }
            const double most = *std::max_element(weights.begin(), weights.end());
            double total = 0;
            for (double& weight : weights) weight = exp(weight - most), total += weight;
            for (int i = 0; i < HEAD; i++) {
                double sum = 0;
                for (int at = first; at <= position; at++) {
                    const u16 own = at < position ? values[(group * CONTEXT + at) * HEAD + i] : to16(value[i], CACHE_F16);
                    sum += weights[at - first] / total * kept(own);
                }
                answers.push_back(sum);
            }
        }
        return answers;
    }

    bool is_in_cache() const {
        for (int group = 0; group < KEY_HEADS; group++) {
            const std::vector<double> key = turned_head(HEADS + group, key_gain);
            for (int i = 0; i < HEAD; i++) {
                const int at = (group * CONTEXT + position) * HEAD + i;
                if (values[at] != to16(heads[(HEADS + KEY_HEADS + group) * HEAD + i], CACHE_F16)) return false;
                if (fabs(kept(keys[at]) - key[i]) > 0.01 * (1 + fabs(key[i]))) return false;
            }
        }
        return true;
    }
};

int main() {
    for (int number = 0; number < 12; number++) {
        Try one(number);
        const std::vector<double> wanted = one.wanted();
        std::vector<int> done(BLOCKS_OF_KEY * KEY_HEADS);
        const long long position = one.position;
        const Attention argument = {
            one.heads.data(), one.keys.data(), one.values.data(), one.cosine.data(), one.sine.data(),
            one.norms ? one.query_gain.data() : nullptr, one.norms ? one.key_gain.data() : nullptr, one.partial.data(),
            done.data(), one.output.data(), &position, CONTEXT, HEADS, KEY_HEADS, one.window, SCALE, EPSILON,
        };
        launch(attention, (int)done.size(), one.splits, ATTENTION_THREADS, argument);
        const double error = distance(wanted, one.output.data());
        const bool fine = error < 2e-5 && one.is_in_cache() && done == std::vector<int>(done.size());
        printf("%s position %d window %d splits %d norms %d: %.1e\n", fine ? "ok" : "FAILED", one.position, one.window,
               one.splits, one.norms, error);
    }
}
