import Glibc
import Manifest
import Models
import Storage
import Tensors
import Tokenization
import Training

extension PreparedJob {
    private static func failure(_ message: String, _ key: String = "teacher") -> ModelError {
        ModelError(file: "manifest", field: "method.distillation.\(key)", message)
    }

    /// The model that a job learns from.
    /// - Parameters:
    ///   - path: its folder.
    ///   - student: the tokenizer of the model that learns.
    ///   - precision: the student's, with the teacher's own form of weights.
    ///   - longest: tokens of the longest run.
    /// - Throws: ``ModelError`` where it has other tokens, no weights or too few positions, or
    ///   cannot be used for another reason; what reading it throws.
    static func teacher(_ path: String, student: Tokenizer, precision: LanguageModel.Precision, longest: Int) throws -> TeacherModel {
        do { return try opened(path, student, precision, longest) } catch {
            // What could not be read, though it is there, says nothing of the teacher.
            if (error as? ModelError)?.file == "manifest" || ![nil, ENOENT].contains(errorNumber(error)) { throw error }
            throw failure("cannot be used: \(error)")
        }
    }

    /// The system's, where a file could not be read.
    private static func errorNumber(_ error: any Error) -> Int32? {
        switch error {
        case let error as ModelError: error.errorNumber
        case let error as SafetensorsError: error.errorNumber
        case let error as TokenizerError: error.errorNumber
        default: (error as? StorageError)?.errorNumber
        }
    }

    private static func opened(
        _ path: String, _ student: Tokenizer, _ precision: LanguageModel.Precision, _ longest: Int
    ) throws -> TeacherModel {
        let opened = try OpenedModel(path: path)
        guard let weights = opened.weights else {
            throw failure("\(path) holds no weights, neither model.safetensors nor model.safetensors.index.json")
        }
        try requireSameTokens(Tokenizer(TokenizerTexts(opened.folder)), student)
        let positions = opened.configuration.maximumPositions
        if longest > positions {
            throw failure(
                "has positions for \(positions) tokens, but the longest example has \(longest): lower max_length to \(positions)")
        }
        return try TeacherModel(opened.configuration, weights, precision: precision, maximumLength: longest)
    }

    /// - Throws: ``ModelError`` that names the first id that means something else to the teacher.
    private static func requireSameTokens(_ teacher: Tokenizer, _ student: Tokenizer) throws(ModelError) {
        func word(_ text: String?) -> String { text.map { "\"\($0.prefix(64))\"" } ?? "no token" }
        for id in 0..<Int32(clamping: max(teacher.vocabularySize, student.vocabularySize)) {
            let (its, mine) = (teacher.token(of: id), student.token(of: id))
            // By bytes: texts that are equal to Unicode may be two tokens.
            if its.map({ Array($0.utf8) }) == mine.map({ Array($0.utf8) }) { continue }
            throw failure(
                "has other tokens than the model: the id \(id) is \(word(its)) to the teacher and \(word(mine)) to the model; "
                    + "a teacher needs the model's tokenizer")
        }
    }
}
