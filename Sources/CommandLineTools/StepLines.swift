import JSON

/// The steps that are added to a job's metrics.csv.
struct StepLines {
    private var file: GrowingFile
    private var names: [String] = []

    init(path: String) { file = GrowingFile(path: path) }

    /// The steps since the last call.
    mutating func newSteps() -> [StepLine] {
        file.newLines().compactMap { row in
            let cells = row.split(separator: ",", omittingEmptySubsequences: false)
            guard let first = cells.first, let step = Int(first) else {
                names = cells.map(String.init)
                return nil
            }
            var line = StepLine(step: step, figures: [])
            for (name, cell) in zip(names, cells).dropFirst() {
                if let value = Double(cell), value.isFinite { line.figures.append((name, value)) }
            }
            return line
        }
    }
}

/// One step and what was measured of it, by the names of columns.
struct StepLine {
    var step: Int
    var figures: [(name: String, value: Double)]

    private func figure(_ name: String) -> Double? { figures.first { $0.name == name }?.value }

    var text: String {
        var parts = ["step \(step)", "loss \(figure("train_loss").map { Terminal.decimal($0, 4) } ?? "-")"]
        if let valid = figure("full_valid_loss") ?? figure("valid_loss") { parts.append("valid \(Terminal.decimal(valid, 4))") }
        if let rate = figure("learning_rate") { parts.append("rate \(TextChart.number(rate))") }
        if let speed = figure("tokens_per_second") { parts.append("\(Int(min(max(0, speed), 1e15))) tok/s") }
        return parts.joined(separator: "  ")
    }

    /// Every column of the row that has a figure; the loss is there always, as null where it has
    /// none.
    var json: JSONNode {
        let loss = JSONMember("train_loss", figure("train_loss").map { JSONNode($0) } ?? .null)
        return JSONNode(
            [JSONMember("object", "step"), JSONMember("step", JSONNode(step)), loss]
                + figures.filter { $0.name != "train_loss" }.map { JSONMember($0.name, JSONNode($0.value)) })
    }
}
