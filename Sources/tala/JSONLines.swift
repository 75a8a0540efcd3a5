import ArgumentParser
import CommandLineTools
import JSON
import Storage

/// Standard input as JSON Lines, answered line by line; a line that cannot be answered gets an
/// `error`, and the next one is read.
enum JSONLines {
    /// - Throws: `StorageError` if an answer cannot be written.
    static func map(_ transform: (JSONNode) throws -> JSONNode) throws {
        while let line = readLine(strippingNewline: true) {
            if line.isEmpty { continue }
            try StandardOutput.json(answer(line, transform), isIndented: false)
        }
    }

    private static func answer(_ line: String, _ transform: (JSONNode) throws -> JSONNode) -> JSONNode {
        do { return try transform(JSONParser().parse(line)) } catch let error as ValidationError {
            return ["error": ["type": "ValueError", "message": JSONNode(error.message), "line": nil]]
        } catch let error as JSONError {
            return ["error": ["type": "ValueError", "message": JSONNode("the line is not JSON: \(error)"), "line": nil]]
        } catch {
            return ["error": ["type": "ValueError", "message": JSONNode("\(error)"), "line": nil]]
        }
    }
}
