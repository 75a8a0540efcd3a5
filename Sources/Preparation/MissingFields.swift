import Datasets
import Grading
import JSON

/// What graders read that records do not have: what is wrong with a grader is wrong in every line,
/// and is said once.
struct MissingFields {
    private struct Finding {
        var grader: String
        var message: String
        var lines: [Int]
    }
    private var findings: [Finding] = []

    /// Lines that are named.
    private static let shownLines = 5

    /// Notes what a grader lacks for a question.
    mutating func look(_ grader: Grader, _ question: Question) {
        do throws(GraderRefusal) { _ = try grader.score(item: question.item, answer: "") } catch {
            let hint = question.item["reference"] == nil ? "; there is no answer of the assistant to stand for item.reference either" : ""
            let message = error.message + hint
            if let place = findings.firstIndex(where: { $0.grader == grader.name && $0.message == message }) {
                findings[place].lines.append(question.line)
            } else {
                findings.append(Finding(grader: grader.name, message: message, lines: [question.line]))
            }
        }
    }

    /// One for each thing that is missing, at the first line where it is.
    var problems: [DatasetProblem] {
        findings.map { finding in
            let shown = finding.lines.prefix(Self.shownLines).map { "\($0)" }.joined(separator: ", ")
            let all =
                finding.lines.count == 1
                ? "" : " (in \(finding.lines.count) lines: \(shown)\(finding.lines.count > Self.shownLines ? ", ..." : ""))"
            return DatasetProblem(
                kind: "missing_reference", file: "", line: finding.lines.first, found: "nothing",
                expected: "what the grader \(finding.grader) reads",
                "the grader \(finding.grader) cannot judge an answer: \(finding.message)\(all)")
        }
    }
}
