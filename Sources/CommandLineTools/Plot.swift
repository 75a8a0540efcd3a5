package import ArgumentParser
import Glibc
import JSON
import Jobs
import Spool
import Storage

/// `tala plot`: a job's figures over its steps, in the terminal or as a picture.
package struct Plot: ParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Draw a job's loss, validation loss and learning rate over its steps.",
        discussion: "In the terminal with block characters; --svg and --png write pictures.")
    @OptionGroup var options: SpoolOptions
    @Option(
        name: .customLong("column"),
        help: "A column of metrics.csv to draw; may be repeated. Without it: train_loss, full_valid_loss or valid_loss, learning_rate.")
    var columns: [String] = []
    @Option(
        help: ArgumentHelp("Write the picture into this file; - is standard output.", valueName: "file"),
        completion: .file(extensions: ["svg"]))
    var svg: String?
    @Option(
        help: ArgumentHelp("Write the picture into this file as PNG.", valueName: "file"), completion: .file(extensions: ["png"]))
    var png: String?
    @Option(help: "Rows of each curve in the terminal.") var height = 8
    @Argument(help: "The job's id, or its end; the newest job if left out.", completion: JobCompletion.all) var job: String?

    package init() {}

    package func validate() throws {
        guard (1...100).contains(height) else { throw ValidationError("--height is a number from 1 to 100, not \(height)") }
    }

    package func run() throws {
        let folder = try options.jobOrNewest(job)
        let series = try series(folder)
        if let svg {
            let picture = SVGChart(title: folder.id, series: series).text
            if svg == "-" { return try StandardOutput.write(picture) }
            try DurableFiles.replace(svg, with: picture)
        }
        if let png {
            guard let picture = PNGChart(title: folder.id, series: series).file else {
                throw CommandFailure(.failed, "the picture cannot be packed: there is too little memory")
            }
            try picture.withBytes { bytes throws(StorageError) in try DurableFiles.replace(png, with: UnsafeRawBufferPointer(bytes)) }
        }
        if options.json {
            try StandardOutput.json(["id": JSONNode(folder.id), "series": JSONNode(series.map(Self.json))], isIndented: false)
        } else if svg == nil, png == nil {
            let width = Terminal().outputWidth ?? 80
            try StandardOutput.line(series.map { TextChart(series: $0, width: width, height: height).text }.joined(separator: "\n\n"))
        }
    }

    /// The columns that were asked for, or those that most people want.
    private func series(_ folder: JobFolder) throws -> [MetricsTable.Series] {
        let table: MetricsTable
        do throws(StorageError) { table = try MetricsTable(folder) } catch {
            guard error.isMissing else { throw error }
            throw CommandFailure(.notFound, "\(folder.id) has done no step yet")
        }
        let known = table.series.map(\.name)
        for name in columns where !known.contains(name) {
            throw CommandFailure(
                .notFound, "metrics.csv of \(folder.id) has no column \"\(name)\"; it has \(known.joined(separator: ", "))")
        }
        let validation = table.points("full_valid_loss").isEmpty ? "valid_loss" : "full_valid_loss"
        let names = columns.isEmpty ? ["train_loss", validation, "learning_rate"] : columns
        let found = table.series.filter { names.contains($0.name) && !$0.points.isEmpty }
        guard !found.isEmpty else { throw CommandFailure(.notFound, "\(folder.id) has done no step yet") }
        return found
    }

    private static func json(_ series: MetricsTable.Series) -> JSONNode {
        [
            "name": JSONNode(series.name),
            "points": JSONNode(series.points.map { JSONNode([JSONNode($0.step), JSONNode($0.value)]) }),
        ]
    }
}
