import JSON
import Templates
import Tokenization

extension FuzzTarget {
    /// A chat template over a conversation, with small limits so that inputs are cheap.
    static let template: FuzzTarget = {
        var target = changedTemplates
        target.accepts = { String(validating: $0, as: UTF8.self).map { (try? Template($0)) != nil } ?? false }
        return target
    }()

    private static let changedTemplates = FuzzTarget(
        "template",
        seeds: [
            "{% for m in messages %}{{ '<|' + m.role + '|>\\n' + m.content | trim }}{% if loop.last %}{{ eos_token }}{% endif %}{% endfor %}",
            "{% set ns = namespace(x=0) %}{% for i in range(3) %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x ~ '%05.2f' % 1.5 }}",
            "{% macro m(a, b=2, c={}) %}{{ a }}{{ caller() if caller }}{{ varargs }}{{ kwargs }}{% endmacro %}{% call m(1) %}x{% endcall %}",
            "{%- generation -%} {{ tools | tojson(indent=2) }} {%- endgeneration %}{{ messages[::-1][0]['content'][1:3] }}",
            "{{ 'a,b'.split(',') | map('upper') | join('-') }}{{ '{:>{w}}|{!r}'.format('x', 'y', w=5) }}{{ [3, 1] | sort | first }}",
            "{% raw %}{{ }}{% endraw %}{# c #}{{ 2 ** 70 // 3 % 7 }}{{ x | default('d') }}{% filter upper %}a{% endfilter %}",
            "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{% with a = 1 %}{{ a }}{% endwith %}{{ strftime_now('%d %b') }}",
        ], folders: [("templates", ".jinja"), ("templates", "features.json"), ("Cases", "statements.jsonl")],
        words: [
            "{%", "%}", "{{", "}}", "{%-", "-%}", "{#", "#}", "endfor", "endif", " if ", " else ", " in ", " is ", " not ", "|list",
            "|join", "loop.", "namespace(",
            "range(", "**", "//", "~", "'", "recursive", "set ", "macro ", "call ", "[::-1]", "[1:", ".format(", "|tojson", "|batch(2)",
            "|round(1)", "%s", "{:",
        ], byteLimit: 8192, structure: .template
    ) { bytes in
        guard let source = String(validating: bytes, as: UTF8.self), let template = try? Template(source) else { return nil }
        var limits = TemplateLimits()
        limits.steps = 2000
        limits.byteCount = 1 << 16
        limits.elementCount = 1 << 12
        _ = try? template.render(conversation, clock: TemplateClock(year: 2025, month: 3, day: 9), limits: limits)
        return nil
    }

    private static let conversation: JSONNode = [
        "messages": [
            ["role": "system", "content": "S"], ["role": "user", "content": " Größe "],
            ["role": "assistant", "content": "A", "tool_calls": [["function": ["name": "f", "arguments": ["a": 1]]]]],
        ], "tools": [["type": "function", "function": ["name": "f", "parameters": ["x": 1.5]]]], "add_generation_prompt": true,
        "bos_token": "<s>", "eos_token": "</s>",
    ]

    /// A tokenizer.json; one that is taken encodes and decodes.
    static let tokenizer = FuzzTarget(
        "tokenizer",
        seeds: [
            """
            {"version": "1.0", "added_tokens": [{"id": 5, "content": "<s>", "special": true, "lstrip": true, "normalized": false}],
             "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "x"}]},
             "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "\\\\p{L}+|\\\\s+(?!\\\\S)"}, "behavior": "Isolated",
              "invert": false}, {"type": "Digits", "individual_digits": true}]},
             "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
              "special_tokens": {"<s>": {"id": "<s>", "ids": [5], "tokens": ["<s>"]}}},
             "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
             "model": {"type": "BPE", "unk_token": "?", "byte_fallback": true, "fuse_unk": true, "vocab": {"a": 0, "b": 1, "ab": 2, "?": 3, "<0x41>": 4}, "merges": ["a b"]}}
            """,
            """
            {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": true, "use_regex": true}, "decoder": {"type": "ByteLevel"},
             "model": {"type": "BPE", "ignore_merges": true, "vocab": {"a": 0, "b": 1, "ab": 2, "Ġ": 3, "Ġab": 4}, "merges": [["a", "b"], ["Ġ", "ab"]]}}
            """,
            "{\"normalizer\": {\"type\": \"Lowercase\"}, \"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"▁\", \"prepend_scheme\": \"first\", \"split\": true}, \"decoder\": {\"type\": \"Metaspace\", \"replacement\": \"▁\"}, \"model\": {\"type\": \"Unigram\", \"unk_id\": 0, \"byte_fallback\": true, \"vocab\": [[\"<unk>\", 0], [\"a\", -1.5], [\"ab\", -2], [\"▁\", -3]]}}",
            "{\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, \"decoder\": {\"type\": \"WordPiece\", \"prefix\": \"##\", \"cleanup\": true}, \"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"continuing_subword_prefix\": \"##\", \"max_input_chars_per_word\": 10, \"vocab\": {\"[UNK]\": 0, \"a\": 1, \"##b\": 2}}}",
        ], folders: [("malformed/tokenizer", ".json")],
        words: [
            "\"type\"", "\"Split\"", "\"Regex\"", "(?:", "(?i:", "(?=", "(?<!", "[^", "\\\\p{L}", "\\\\s", "{1,3}", "+?", "*", "|",
            "Contiguous", "MergedWithNext", "FixedLength",
            "WhitespaceSplit", "Punctuation", "CTC", "Prepend", "Strip", "Precompiled", "BertNormalizer", "\"lstrip\": true",
            "\"single_word\": true",
        ], byteLimit: 4096, structure: .json
    ) { bytes in
        guard let tokenizer = try? Tokenizer(bytes: bytes) else { return nil }
        let text = "ab  A1 <s> Ünï 中文\u{1F600}\n aab"
        let tokens = tokenizer.encodeWithRanges(text)
        guard tokens.allSatisfy({ $0.range.lowerBound >= 0 && $0.range.upperBound <= text.utf8.count }) else {
            return "a token stands outside of the text: \(tokens)"
        }
        _ = tokenizer.decode(tokens.map(\.id) + [-1, 99], skipSpecialTokens: false)
        return nil
    }

    static let encoder: ChatEncoder? = try? ChatEncoder(folder: ReferenceData.chatModel)

    /// A line of a training file: read, rendered, cut into tokens, masked.
    static let line = FuzzTarget(
        "line",
        seeds: [
            "{\"messages\": [{\"role\": \"user\", \"content\": \"Tell me a story\"}, {\"role\": \"assistant\", \"content\": \"Once\", \"weight\": 1}]}",
            "{\"messages\": [{\"role\": \"system\", \"content\": \"S\"}, {\"role\": \"assistant\", \"content\": [{\"type\": \"text\", \"text\": \"x\"}], \"tool_calls\": []}], \"tools\": []}",
        ], folders: [("malformed/jsonl", ".jsonl")],
        words: ["\"role\"", "\"assistant\"", "\"content\"", "\"weight\": 0", "\"tools\"", "<s>", "</s>", "Story: "], byteLimit: 2048,
        structure: .json
    ) { bytes in
        guard let node = try? JSONParser().parse(bytes), let messages = node["messages"], let encoder,
            let example = try? encoder.encode(messages: messages, tools: node["tools"])
        else { return nil }
        return example.ids.count == example.isTrained.count ? nil : "marks are missing"
    }
}
