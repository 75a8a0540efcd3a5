import ArgumentParser
import CommandLineTools
import Conversion
import JSON
import Storage

/// `tala data`: files of what people have, as chat lines.
struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "Check what a file holds, and convert tables and chat exports into chat lines.",
        subcommands: [DataCheck.self, DataConvert.self])

    /// Reads a file.
    /// - Throws: ``CommandFailure`` if nothing of it can be converted.
    static func conversion(_ path: String, _ options: ConversionOptions) throws(CommandFailure) -> Conversion {
        do { return try Conversion(path: path, name: path, options) } catch let error as StorageError {
            throw CommandFailure(error.isMissing ? .notFound : .failed, "\(error)")
        } catch { throw CommandFailure(.invalid, Terminal.safe("\(error)")) }
    }

    static func json(_ conversion: Conversion, file: String) -> [JSONMember] {
        let problems = conversion.result.problems.map { problem -> JSONNode in
            [
                "line": problem.line.map { JSONNode($0) } ?? .null, "column": problem.column.map { JSONNode($0) } ?? .null,
                "message": JSONNode(problem.message),
            ]
        }
        return [
            JSONMember("file", JSONNode(file)), JSONMember("form", JSONNode(conversion.form)),
            JSONMember("columns", JSONNode(conversion.columns.map { JSONMember($0.part, JSONNode($0.column)) })),
            JSONMember("examples", JSONNode(conversion.result.exampleCount)),
            JSONMember("problem_count", JSONNode(conversion.result.problemCount)), JSONMember("problems", JSONNode(problems)),
        ]
    }

    /// What a file holds, in a sentence.
    static func sentence(_ conversion: Conversion, file: String) -> String {
        let columns = conversion.columns.map { "\($0.part) from \"\($0.column)\"" }.joined(separator: ", ")
        let count = conversion.result.exampleCount
        return "\(file): \(conversion.form), \(count) conversation\(count == 1 ? "" : "s")" + (columns.isEmpty ? "" : ", \(columns)")
    }

    /// Writes the problems on standard error.
    static func show(_ problems: ConversionCollector) {
        for problem in problems.problems { StandardError.write(Terminal.safe("\(problem)") + "\n") }
        let more = problems.problemCount - problems.problems.count
        if more > 0 { StandardError.write("... and \(more) more\n") }
    }
}
