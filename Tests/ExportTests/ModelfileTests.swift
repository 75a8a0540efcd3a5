import Foundation
import GGUF
import JSON
import Storage
import Tensors
import TestSupport
import Testing

@testable import Export
@testable import GGUFModels

/// What Ollama is told beside a GGUF file.
@Suite struct ModelfileTests {
    /// A model's texts that a test makes up.
    private struct Texts: ModelFolder {
        let path = "texts"
        var texts: [String: String] = [:]

        init(path: String) {}
        init(_ texts: [String: String]) {
            self.texts = texts
            self.texts["config.json"] = "{}"
        }
        static func marker(of path: String) -> String { path }
        var companions: [String] { [] }
        func weights() throws(SafetensorsError) -> Checkpoint? { nil }
        func text(_ name: String, limit: Int) throws(StorageError) -> [UInt8]? { texts[name].map { Array($0.utf8) } }
    }

    private static func text(_ texts: [String: String], contextLength: Int? = nil) throws -> String {
        var texts = texts
        if texts["tokenizer.json"] == nil {
            texts["tokenizer.json"] =
                #"{"added_tokens": [{"id": 5, "content": "<|im_end|>"}, {"id": 6, "content": "<|endoftext|>"}, {"id": 7, "content": "a\"b"}]}"#
        }
        return try Modelfile(GGUFTexts(Texts(texts)), contextLength: contextLength).text(from: "./m.gguf")
    }

    @Test func everyEndOfATurnAndTheSamplingStandInIt() throws {
        let text = try Self.text(
            [
                "generation_config.json": #"{"eos_token_id": [5, 6, 7], "temperature": 0.6, "top_k": 20, "repetition_penalty": 1.1}"#,
                "tokenizer_config.json": #"{"eos_token": "<|im_end|>"}"#, "LICENSE": "Do as you like.",
            ], contextLength: 2048)
        #expect(
            text == """
                FROM ./m.gguf
                PARAMETER stop "<|im_end|>"
                PARAMETER stop "<|endoftext|>"
                PARAMETER stop "a\\"b"
                PARAMETER num_ctx 2048
                PARAMETER temperature 0.6
                PARAMETER top_k 20
                PARAMETER repeat_penalty 1.1
                LICENSE \"\"\"
                Do as you like.
                \"\"\"

                """)
    }

    private static let chatml =
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
        + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    private static let gemma =
        "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}{% for m in messages %}"
        + "{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' + m.content | trim + '<end_of_turn>\n' }}"
        + "{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"

    @Test(arguments: [(chatml, "<|im_start|>user\n{{ .Content }}<|im_end|>\n"), (gemma, "<start_of_turn>model\n{{ .Content }}")])
    func aTemplateThatOllamasLanguageSaysAsWellIsWritten(source: String, part: String) throws {
        let text = try Self.text([
            "chat_template.jinja": source, "tokenizer_config.json": #"{"eos_token": "<|im_end|>", "bos_token": "<bos>"}"#,
        ])
        #expect(text.contains("TEMPLATE \"\"\"{{ range") && text.contains(part), "\(text)")
    }

    /// One with a system message of its own, as Qwen 2.5 has it, says more.
    @Test func aTemplateThatSaysMoreIsLeftToTheFile() throws {
        let source = "{% if messages[0].role != 'system' %}{{ '<|im_start|>system\nYou are kind.<|im_end|>\n' }}{% endif %}" + Self.chatml
        #expect(!(try Self.text(["chat_template.jinja": source])).contains("TEMPLATE"))
    }

    @Test func namesKeepWhatLlamaCppTakesFromThem() {
        #expect(GGUFName.model("Support Bot", swallowsSpace: true) == "Phi-3 Support Bot")
        #expect(GGUFName.model("Phi-3-mini support", swallowsSpace: true) == "Phi-3-mini support")
        #expect(GGUFName.model("my-phi-3-chatml", swallowsSpace: false) == "my-phi 3-chatml")
        #expect(GGUFName.file("../phi/3 mini Ω", .q4_k_m) == "phi-3-mini---Q4_K_M.gguf")
    }
}
