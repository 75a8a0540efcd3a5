import ArgumentParser
import Basics
import CommandLineTools
import Datasets
import Glibc
import Graph
import JSON
import Jobs
import Preparation
import Storage
import Tokenization
import Training

/// `tala validate`: everything that could be wrong, before anything is queued.
struct Validate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check a manifest, its model and every line of its data.",
        discussion: """
            Prints what the data holds, all problems (the first 100 of each kind, with file, line and field), and the steps, time and memory that follow. \
            Tokens are kept in $XDG_CACHE_HOME/tala/datasets, so a second run is quick. Exit codes: 0 valid, 1 not valid, 2 usage.
            """)
    @OptionGroup var options: ManifestOptions
    @Option(help: "Print this many examples with the trained tokens marked: coloured on a terminal, in brackets otherwise.") var show = 0

    func run() throws {
        let job: PreparedJob
        do {
            if let evaluation = try options.evaluation() { return try options.show(evaluation) }
            job = try options.prepareThrowing()
        } catch PreparationError.invalidData(let reports) {
            return try refuse(reports)
        } catch {
            guard var failure = ManifestOptions.failure(error) as? CommandFailure else { throw error }
            failure.context = [JSONMember("valid", false), JSONMember("files", [])] + failure.context
            throw failure
        }
        // An estimate that cannot be made is not a fault of the job.
        let time = try? job.estimateTime()
        if options.json {
            return try StandardOutput.json([
                "valid": true, "files": JSONNode(job.reports.map(\.json)), "warnings": JSONNode(job.warnings.map(\.json)),
                "steps": JSONNode(job.settings.totalSteps),
                "batch_size": JSONNode(job.settings.batchSize), "trained_tokens": JSONNode(job.totalTrainedTokens),
                "peak_bytes": JSONNode(job.plan.peakBytes), "initial_weights": JSONNode(job.initialWeights),
                "remarks": JSONNode((job.remarks + job.notes).map { JSONNode($0) }), "seconds": time.map { JSONNode($0.seconds) } ?? .null,
                "seconds_from": time.map { JSONNode($0.basis.rawValue) } ?? .null, "plan": PlanFigures(job.plan).json,
            ])
        }
        for report in job.reports { try StandardOutput.write(plain(report.text)) }
        for remark in job.remarks { try StandardOutput.line(plain("warning: " + remark)) }
        for note in job.notes { try StandardOutput.line(plain("note: " + note)) }
        ManifestOptions.show(job.warnings)
        for index in 0..<min(show, job.training.count) {
            try StandardOutput.line(ExampleText(job.encoder.tokenizer).text(job.training, index))
        }
        let mebibytes = Double(job.plan.peakBytes / 104_858) / 10
        try StandardOutput.line(
            "valid: \(job.settings.totalSteps) steps of \(job.settings.batchSize) examples, \(job.totalTrainedTokens) trained tokens, "
                + "\(mebibytes) MiB at the peak on \(job.device.name)"
                + (time.map {
                    ", about \($0.text) (\($0.basis == .measuredSteps ? "some steps were tried" : "from the plan's arithmetic"))"
                } ?? ""))
    }

    /// Prints what is wrong: figures on standard output, each problem on standard error.
    private func refuse(_ reports: [ValidationReport]) throws {
        if options.json {
            let count = reports.reduce(0) { $0 + $1.problems.total }
            throw CommandFailure(
                .invalid, "\(PreparationError.invalidData(reports))", details: [JSONMember("problems", JSONNode(count))],
                context: [JSONMember("valid", false), JSONMember("files", JSONNode(reports.map(\.json)))])
        } else {
            for report in reports { try StandardOutput.write(plain(report.table)) }
            for report in reports {
                for problem in report.problems.first { StandardError.write(plain("\(problem)") + "\n") }
                if report.problems.total > report.problems.first.count {
                    StandardError.write(
                        "\(report.file): the first \(report.problems.first.count) of \(report.problems.total) problems are shown\n")
                }
            }
        }
        throw ExitCode(1)
    }
}

/// An example as text, with the trained tokens marked.
struct ExampleText {
    private let tokenizer: Tokenizer
    private let usesColour: Bool

    init(_ tokenizer: Tokenizer) {
        self.tokenizer = tokenizer
        usesColour = isatty(1) == 1 && (getenv("NO_COLOR").map { $0.pointee == 0 } ?? true)
    }

    func text(_ data: Dataset, _ index: Int) -> String {
        MarkedExample.all(of: data, index, tokenizer).map { example in
            "line \(example.line), \(example.tokenCount) tokens, \(example.trainedTokenCount) trained:\n"
                + example.parts.map(mark).joined() + "\n"
        }.joined()
    }

    private func mark(_ part: MarkedExample.Part) -> String {
        let text = plain(part.text)
        guard part.isTrained else { return text }
        return (usesColour ? "\u{1B}[32m\(text)\u{1B}[0m" : "⟦\(text)⟧") + (part.weight == 1 ? "" : "×\(part.weight)")
    }
}

/// A progress bar on standard error for a file that takes longer than a second; nothing where that
/// is no terminal.
final class ReadingBar {
    private let began = MonotonicClock.seconds()
    private let isTerminal = isatty(2) == 1 && getenv("TERM").map { String(cString: $0) != "dumb" } ?? false
    private var lastShown = 0.0
    private var isShown = false

    func show(_ progress: DatasetProgress) {
        let now = MonotonicClock.seconds()
        guard isTerminal, now - began > 1, now - lastShown > 0.1, progress.byteCount > 0 else { return }
        (lastShown, isShown) = (now, true)
        StandardError.write("\r\u{1B}[K" + Self.line(progress, columns: Self.columns()))
    }

    private static func columns() -> Int {
        var size = winsize()
        return ioctl(2, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    /// A line that the terminal does not have to break: what there is no room for is left out, the
    /// figures last.
    static func line(_ progress: DatasetProgress, columns: Int) -> String {
        let share = min(1, Double(progress.bytesDone) / Double(progress.byteCount))
        let filled = Int(share * 30)
        let bar = "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled) + "]"
        let percent = "\(Int(share * 100)) %"
        let name = plain(progress.file)
        let examples = "\(progress.exampleCount) examples"
        let size = "\(progress.bytesDone >> 20) of \(progress.byteCount >> 20) MiB"
        for parts in [
            [name, bar, percent, examples + ",", size], [name, bar, percent, examples], [bar, percent, examples], [bar, percent],
        ] {
            let line = parts.joined(separator: " ")
            if line.count < columns { return line }
        }
        return percent
    }

    func clear() {
        if isShown { StandardError.write("\r\u{1B}[K") }
        isShown = false
    }
}
