"""llama-cpp-python alone, in a process of its own: ``python -m tests.helpers.bare_llama MODEL`` answers JSON lines.

In: ``{"messages": […], "max_tokens": n}``. Out: ``{"prompt": […ids], "answer": […ids], "text": …, "tokens_per_s": …}``,
greedy, with the library's own chat formatter and a cold cache. One thread, or ``HALFBYTE_TEST_THREADS``.
"""

import json
import os
import sys
import time

from llama_cpp import Llama
from llama_cpp.llama_chat_format import Jinja2ChatFormatter


def main() -> None:
    threads = int(os.environ.get("HALFBYTE_TEST_THREADS", "1"))
    # Flash Attention as llama.cpp itself decides (on); the library's own default is off and rounds differently.
    model = Llama(sys.argv[1], n_ctx=4096, n_threads=threads, n_threads_batch=threads, flash_attn=True, verbose=False)
    special = {
        "bos_token": model._model.token_get_text(model.token_bos()),
        "eos_token": model._model.token_get_text(model.token_eos()),
    }
    formatter = Jinja2ChatFormatter(template=model.metadata["tokenizer.chat_template"], **special)
    for line in sys.stdin:
        question = json.loads(line)
        text = formatter(messages=question["messages"]).prompt
        prompt = model.tokenize(text.encode(), add_bos=False, special=True)
        model.reset()
        answer, times = [], []
        for token in model.generate(prompt, temp=0.0):
            times.append(time.perf_counter())
            if token == model.token_eos():
                break
            answer.append(token)
            if len(answer) == question["max_tokens"]:
                break
        rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0
        text = model.detokenize(answer).decode("utf-8", "replace")
        print(json.dumps({"prompt": prompt, "answer": answer, "text": text, "tokens_per_s": rate}), flush=True)


if __name__ == "__main__":
    main()
