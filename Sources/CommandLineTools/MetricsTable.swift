import Spool
import Storage

/// metrics.csv by columns, as its header names them.
struct MetricsTable {
    /// A figure over the steps; steps without it are left out.
    struct Series: Hashable {
        var name: String
        var points: [Point]
    }
    struct Point: Hashable {
        var step: Int
        var value: Double
    }

    let series: [Series]

    /// - Throws: `StorageError` if the file cannot be read.
    init(_ folder: JobFolder) throws(StorageError) {
        self.init(text: String(decoding: try DurableFiles.read(folder.metricsFile), as: UTF8.self))
    }

    init(text: String) {
        let lines = text.split(separator: "\n")
        let names = (lines.first ?? "").split(separator: ",", omittingEmptySubsequences: false).dropFirst().map(String.init)
        var columns = names.map { Series(name: $0, points: []) }
        for line in lines.dropFirst() {
            let cells = line.split(separator: ",", omittingEmptySubsequences: false)
            guard let first = cells.first, let step = Int(first) else { continue }
            for (index, cell) in cells.dropFirst().prefix(names.count).enumerated() {
                guard let value = Double(cell), value.isFinite else { continue }
                columns[index].points.append(Point(step: step, value: value))
            }
        }
        series = columns
    }

    func points(_ name: String) -> [Point] { series.first { $0.name == name }?.points ?? [] }
}
