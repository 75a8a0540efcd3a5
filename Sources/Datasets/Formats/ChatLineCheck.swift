import JSON

/// Whether a line is a conversation that training takes, apart from what a model's template makes
/// of it.
package enum ChatLineCheck {
    /// What is wrong with a record of the chat format.
    /// - Parameters:
    ///   - line: the record as JSON, on one line.
    ///   - number: the physical line from which it was made.
    package static func problems(_ line: [UInt8], file: String, number: Int) -> [DatasetProblem] {
        line.withUnsafeBufferPointer { bytes in
            var findings = RecordFindings(file: file, line: number, index: nil, bytes: bytes)
            do throws(JSONError) { _ = ConversationFormats.chat(try JSONParser().parse(bytes), &findings) } catch {
                findings.add("invalid_json", nil, offset: 0, found: "\(error)", expected: "valid JSON", "\(error)")
            }
            return findings.problems
        }
    }
}
