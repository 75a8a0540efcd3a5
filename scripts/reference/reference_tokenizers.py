"""Small tokenizers of each kind, trained here on the demonstration's text, and what the tokenizers library makes of many texts."""

import collections
import json

from common import ROOT, Random, versions, write_bytes, write_json
from reference_templates import render, source_of

# How text is cut before merging; the last step of each writes bytes as printable characters.
GPT_2 = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
QWEN_2 = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
LLAMA_3 = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
STEPS = [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", r"[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"]

OTHER_TEXT = """
Zwölf große Boxkämpfer jagen Viktor quer über den Sylter Deich. Die Eule und der Fuchs sprechen über das Wetter.
Le cœur a ses raisons, et l'été dernier nous étions à Noël déjà prêts. Où est la poule ? Près de l'étang.
Съешь ещё этих мягких французских булок, да выпей чаю. Сова живёт в старом доме у реки.
フクロウは古い家に住んでいます。今日は天気がいいですね。東京の空。 猫头鹰住在老房子里。今天天气很好。
def add(a, b):\n    return a + b  # 3 + 4 == 7\n\nfor (int i = 0; i < 1024; ++i) { total += x[i] * 2.5e-3; }
I'll say it's fine, won't they? He'd've gone if we're late; WE'RE LATE! 1 22 333 4444 55555 3.14159 -1e9
{"name": "weather", "arguments": {"city": "Oslo", "days": 3}} <b>bold</b> &amp; https://example.org/a?b=c#d
"""


def corpus():
    with open(f"{ROOT}/demo/text.txt", encoding="utf-8") as file:
        return file.read()[:60_000] + OTHER_TEXT * 8


def added(identifier, content, special=True, **more):
    return {
        "id": identifier,
        "content": content,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": special,
        **more,
    }


def split(pattern, behavior="Isolated"):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": False}


def byte_level(**more):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False, **more}


def merges_of(pieces, first, count):
    """Byte-pair merges of counted pieces (Sennrich et al. 2016, arXiv:1508.07909).

    Of pairs that are as frequent, the first in order of code points is merged."""
    words = [([character for character in piece], number) for piece, number in sorted(pieces.items())]
    vocabulary, merges = list(first), []
    known = set(vocabulary)
    while len(merges) < count:
        pairs = collections.Counter()
        for word, number in words:
            for pair in zip(word, word[1:]):
                pairs[pair] += number
        pairs = {pair: number for pair, number in pairs.items() if pair[0] in known and pair[1] in known}
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        joined = best[0] + best[1]
        if joined not in known:
            known.add(joined)
            vocabulary.append(joined)
        for word, _ in words:
            index = 0
            while index + 1 < len(word):
                if (word[index], word[index + 1]) == best:
                    word[index : index + 2] = [joined]
                index += 1
    return vocabulary, merges


def byte_alphabet():
    """The printable characters that stand for the 256 bytes, as GPT-2 chose them."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    places = {byte: byte for byte in shown}
    for byte in range(256):
        if byte not in places:
            places[byte] = 256 + len(places) - len(shown)
    return [chr(places[byte]) for byte in range(256)]


def byte_level_tokenizer(steps, count, tokens, normalizer=None, begin=None, ignores_merges=False, pairs=True):
    from tokenizers import Tokenizer

    before = {"type": "Sequence", "pretokenizers": [*steps, byte_level()]}
    probe = Tokenizer.from_str(
        json.dumps(file_of([], {"!": 0}, [], normalizer, before, byte_level(), byte_level(add_prefix_space=True)))
    )
    pieces = collections.Counter(piece for piece, _ in probe.pre_tokenizer.pre_tokenize_str(corpus()))
    vocabulary, merges = merges_of(pieces, sorted(byte_alphabet()), count)
    identifiers = {piece: index for index, piece in enumerate(vocabulary)}
    additional = [added(len(vocabulary) + index, *token) for index, token in enumerate(tokens)]
    after = byte_level()
    if begin:
        number = next(token["id"] for token in additional if token["content"] == begin)
        after = {
            "type": "Sequence",
            "processors": [
                byte_level(),
                {
                    "type": "TemplateProcessing",
                    "single": [{"SpecialToken": {"id": begin, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                    "pair": [
                        {"SpecialToken": {"id": begin, "type_id": 0}},
                        {"Sequence": {"id": "A", "type_id": 0}},
                        {"SpecialToken": {"id": begin, "type_id": 1}},
                        {"Sequence": {"id": "B", "type_id": 1}},
                    ],
                    "special_tokens": {begin: {"id": begin, "ids": [number], "tokens": [begin]}},
                },
            ],
        }
    written = [list(pair) if pairs else " ".join(pair) for pair in merges]
    return file_of(
        additional,
        identifiers,
        written,
        normalizer,
        before,
        after,
        byte_level(add_prefix_space=True, use_regex=True),
        ignore_merges=ignores_merges,
    )


def sentencepiece_tokenizer(count):
    """Pieces over code points with ▁ for spaces; what has no piece is written as bytes."""
    text = "\u2581" + corpus().replace(" ", "\u2581").replace("\n", "")
    words = collections.Counter("\u2581" + word for word in text.split("\u2581") if word)
    letters = collections.Counter(letter for word, number in words.items() for letter in word * number)
    alphabet = sorted(letter for letter, number in letters.items() if number >= 30)
    first = ["<unk>", "<s>", "</s>", *[f"<0x{byte:02X}>" for byte in range(256)], *alphabet]
    vocabulary, merges = merges_of(words, first, count)
    identifiers = {piece: index for index, piece in enumerate(vocabulary)}
    tokens = [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>", False, rstrip=True)]
    ends = ["<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>", "<|tool|>"]
    tokens += [added(len(vocabulary) + index, text, rstrip=index > 0) for index, text in enumerate(ends)]
    normalizer = {
        "type": "Sequence",
        "normalizers": [
            {"type": "Prepend", "prepend": "\u2581"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
        ],
    }
    decoder = {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ],
    }
    after = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
    }
    return file_of(
        tokens,
        identifiers,
        [" ".join(pair) for pair in merges],
        normalizer,
        None,
        after,
        decoder,
        unk_token="<unk>",
        fuse_unk=True,
        byte_fallback=True,
    )


def file_of(tokens, vocabulary, merges, normalizer, before, after, decoder, **model):
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": tokens,
        "normalizer": normalizer,
        "pre_tokenizer": before,
        "post_processor": after,
        "decoder": decoder,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            **model,
            "vocab": vocabulary,
            "merges": merges,
        },
    }


CHATML_TOKENS = [("<|im_start|>",), ("<|im_end|>",), ("<|endoftext|>",), ("<think>", False), ("</think>", False)]
HEADER_TOKENS = [
    ("<|begin_of_text|>",),
    ("<|end_of_text|>",),
    ("<|start_header_id|>",),
    ("<|end_header_id|>",),
    ("<|eot_id|>",),
]

TOKENIZERS = {
    "byte-level-gpt2-split": lambda: byte_level_tokenizer([split(GPT_2)], 700, [("<|endoftext|>",)], pairs=False),
    "byte-level-steps": lambda: byte_level_tokenizer(
        [split(step) for step in STEPS] + [{"type": "Digits", "individual_digits": True}],
        600,
        [
            (
                "\u00f5",
                False,
            ),
            ("\u00c1", False),
            ("<\uff5cbegin\uff5c>",),
            ("<\uff5cend\uff5c>",),
        ],
        begin="<\uff5cbegin\uff5c>",
        pairs=False,
    ),
    "bpe-llama3-regex": lambda: byte_level_tokenizer(
        [split(LLAMA_3)], 900, HEADER_TOKENS, begin="<|begin_of_text|>", ignores_merges=True
    ),
    "bpe-qwen2-regex": lambda: byte_level_tokenizer([split(QWEN_2)], 900, CHATML_TOKENS, normalizer={"type": "NFC"}),
    "sentencepiece": lambda: sentencepiece_tokenizer(500),
}

# Template, beginning and end of sequence, and the token that ends a turn.
CHATS = {
    "bpe-qwen2-regex": ("chatml-tools", None, "<|im_end|>", "<|im_end|>"),
    "bpe-llama3-regex": ("headers-with-date", "<|begin_of_text|>", "<|eot_id|>", "<|eot_id|>"),
    "sentencepiece": ("phi-style", "<s>", "<|endoftext|>", "<|end|>"),
}

TEXTS = [
    "",
    " ",
    "  ",
    "   ",
    "\t",
    "\n",
    "\n\n",
    " \n",
    "\r\n",
    "\r\n\r\n \t",
    "a",
    " a",
    "a ",
    " a ",
    "ab",
    "Hello world",
    "hello  world",
    "Hello, world!",
    "The hen lives in the barn.",
    "I'll, we're, he'd, it's, don't, I'VE",
    "WE'RE 'S 's'S",
    "1",
    "12",
    "123",
    "1234",
    "12345678",
    "3.14",
    "1,000,000",
    "0x1F",
    "a1b2c3",
    "x = y + 2;",
    "if (a && b) { return -1; }",
    "\tindented\n\t\tmore",
    "    four",
    "     five",
    "trailing   ",
    "   \n   \n",
    "a\n\nb\n\n\nc",
    "...",
    "!!!",
    "?!?!",
    "--",
    "_-_",
    "$5",
    "50%",
    "#tag @name",
    "a/b\\c",
    '"quoted"',
    "(a)",
    "é",
    "e\u0301",
    "\u00c5 \u212b A\u030a",
    "naïve café",
    "Straße",
    "ÀÉÎÕÜ",
    "çà et là",
    "Grüße aus Köln",
    "İstanbul ıI",
    "ﬁ ﬂ",
    "½ ² ³ ①",
    "Привет, мир",
    "Съешь ещё",
    "Ελληνικά",
    "עברית",
    "العربية",
    "हिन्दी",
    "ไทย ภาษา",
    "日本語",
    "今日は。",
    "中文字符",
    "한국어 문장",
    "𠀀𠀁",
    "🙂",
    "🙂🙂",
    "👩‍👩‍👧",
    "🇩🇪",
    "👍🏽",
    "a🙂b",
    "\u200b",
    "\u00a0",
    "a\u00a0b",
    "\u2028x\u2029",
    "\ufeffx",
    "\u3000x",
    "\u0000",
    "a\u0000b",
    "\u0007",
    "\x1b[0m",
    "<s>",
    "</s>",
    "<unk>",
    "<|endoftext|>",
    "a<|endoftext|>b",
    "<|im_start|>user\nHi<|im_end|>\n",
    "<|im_end|>",
    "< |im_end| >",
    "<think>\nx\n</think>\n\ny",
    "<|user|>\nHi<|end|>\n<|assistant|>\n",
    "<|end|>   x",
    "</s>  \n x",
    "<|begin_of_text|>a",
    "<|eot_id|><|eot_id|>",
    "<｜begin｜>x<｜end｜>",
    "õ÷Á",
    "xõy",
    "<0x41>",
    "▁a▁b",
    "▁",
    " ▁ ",
    "Ġhello",
    "Ċ",
    "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>",
    "https://example.org/a?b=c&d=e#f",
    "name@example.org",
    '{"a": [1, 2.5e-3, null]}',
    "<b>bold</b>",
    "| a | b |\n|---|---|",
    "- one\n- two\n  - three",
    "x" * 200,
    "ab" * 100,
    " " * 64,
    "\n" * 20,
    "1" * 50,
    "a " * 60,
    "é" * 40,
    "日" * 40,
    "🙂" * 20,
    "A" * 17 + "a" * 17,
    'The fox found a red ball by the pond. "It is late," said the owl.',
    "Nobody knew where an old coat had come from.",
    "thethethethe",
    "The the THE tHE",
    "barnyard barn yard",
    "unbelievable",
    "supercalifragilisticexpialidocious",
    "antidisestablishmentarianism",
]


def texts():
    """The list, and 90 made of words, numbers, signs and other scripts from a fixed seed."""
    random = Random(5)
    words = [
        "hen",
        "Fox",
        "OWL",
        "pond",
        "it's",
        "123",
        "4567",
        "3.5",
        "été",
        "日本",
        "🙂",
        "...",
        "!",
        "\n",
        "\n\n",
        "\t",
        "don't",
        "x_y",
        "-",
        "(",
        ")",
    ]
    joins = [" ", " ", " ", "", "  ", "\n", ","]
    made = []
    for _ in range(90):
        parts = []
        for _ in range(2 + random.below(12)):
            parts += [random.choice(words), random.choice(joins)]
        made.append("".join(parts))
    return TEXTS + made


def identifier_lists(count):
    """Ids in all sorts of orders, some outside of the vocabulary."""
    random = Random(6)
    lists = [[], [0], [1], [2], [count - 1], [5, 5], [count + 1000], [3, count + 5, 4]]
    for _ in range(70):
        lists.append([random.below(count) for _ in range(1 + random.below(20))])
    return lists


def cases_of(name, tokenizer):
    encoded = []
    for text in texts():
        full = tokenizer.encode(text, add_special_tokens=True).ids
        bare = tokenizer.encode(text, add_special_tokens=False).ids
        case = {"text": text, "ids": full}
        if bare != full:
            case["ids_no_special"] = bare
        case |= {
            "decoded": tokenizer.decode(full, skip_special_tokens=False),
            "decoded_skip_special": tokenizer.decode(full),
        }
        encoded.append(case)
    decoded = [
        {
            "ids": ids,
            "decoded": tokenizer.decode(ids, skip_special_tokens=False),
            "decoded_skip_special": tokenizer.decode(ids),
        }
        for ids in identifier_lists(tokenizer.get_vocab_size())
    ]
    return {"tokenizer": name, "versions": versions(), "encode": encoded, "decode": decoded}


def chat_of(name, tokenizer):
    template, begin, end, turn_end = CHATS[name]
    source = source_of(template)
    if template == "headers-with-date":
        # A fixed day: the conversations are to have the same ids on every other.
        source = source.replace("strftime_now('%d %b %Y')", "'09 Mar 2025'")
    conversations = [
        [("user", "What is a hen?"), ("assistant", "A hen is a bird.")],
        [
            ("system", "Be brief."),
            ("user", "Where?"),
            ("assistant", "Here."),
            ("user", "And?"),
            ("assistant", "There."),
        ],
        [("user", "Numbers 12 345?"), ("assistant", "3.14 and 1,000\n\n- one\n- two")],
        [("user", "Grüße 日本 🙂"), ("assistant", "Ça va 🦊")],
        [("user", "yes"), ("assistant", "yes"), ("user", "yes"), ("assistant", "yes")],
        [("user", "code"), ("assistant", "def f(x):\n    return x + 1\n")]
        if name != "bpe-llama3-regex"
        else [("user", "a"), ("assistant", "b")],
    ]
    cases = []
    for conversation in conversations:
        messages = [{"role": role, "content": content} for role, content in conversation]

        def text(messages, asks=False):
            return render(source, messages, add_generation_prompt=asks, bos_token=begin or "", eos_token=end)[0]

        rendered = text(messages)
        encoding = tokenizer.encode(rendered, add_special_tokens=False)
        closing = tokenizer.token_to_id(turn_end)
        spans = []
        for index, message in enumerate(messages):
            if message["role"] == "assistant":
                # The conversation and the prompt that asks for this answer begin alike.
                start = len(tokenizer.encode(text(messages[:index], True), add_special_tokens=False).ids)
                spans.append([start, encoding.ids.index(closing, start)])
        cases.append({"messages": messages, "rendered": rendered, "input_ids": encoding.ids, "assistant_spans": spans})
    return {
        "chat_template": source,
        "bos_token": begin,
        "eos_token": end,
        "end_of_turn": turn_end,
        "note": "assistant_spans: first token of the answer, index of the token that ends the turn",
        "cases": cases,
    }


def make_all(out):
    from tokenizers import Tokenizer

    for name, build in TOKENIZERS.items():
        folder = f"{out}/tokenizers/{name}"
        text = json.dumps(build(), ensure_ascii=False, separators=(",", ":"))
        write_bytes(f"{folder}/tokenizer.json", text)
        tokenizer = Tokenizer.from_str(text)
        write_json(f"{folder}/cases.json", cases_of(name, tokenizer), indent=None)
        if name in CHATS:
            write_json(f"{folder}/chat_ids.json", chat_of(name, tokenizer))
        print(f"tokenizers/{name}: {tokenizer.get_vocab_size()}", flush=True)
