import JSON
import Jobs
import Manifest
import Spool
import Storage

/// The jobs of a sweep, the best first: by the figure that their results have, or have reached so
/// far.
struct SweepRanking {
    struct Place {
        let status: JobStatus
        /// From 1; nil for a job without the figure.
        var rank: Int?
        let value: Double?
        /// The step after which it was measured; nil for a figure of an evaluation job.
        let step: Int?
    }
    /// `loss`, `accuracy`, a column of the method's own, or a figure of `evaluation.json`.
    let metric: String
    let places: [Place]

    /// - Parameters:
    ///   - jobs: of one sweep.
    ///   - metric: nil: the one by which early stopping judges, which is the loss where the
    ///     manifest does not say.
    /// - Throws: ``CommandFailure`` where no job has the figure, though some have others.
    init(_ jobs: [JobStatus], _ layout: SpoolLayout, metric wanted: String?) throws(CommandFailure) {
        let metric =
            wanted ?? jobs.lazy.compactMap { try? layout.job($0.id).manifest() }.first?.evaluation.earlyStopping?.metric ?? "loss"
        self.metric = metric
        var known: Set<String> = []
        var places: [Place] = []
        for status in jobs {
            let figures = Figures(layout.job(status.id))
            known.formUnion(figures.names)
            let found = figures[metric, isLowerBetter: Self.isLowerBetter(metric)]
            places.append(Place(status: status, value: found?.value, step: found?.step))
        }
        if wanted != nil, !known.isEmpty, !known.contains(metric) {
            throw CommandFailure(
                .usage, "no job of the group has the figure \(metric); there are \(known.sorted().joined(separator: ", "))")
        }
        let order = places.indices.sorted { first, second in
            guard let left = places[first].value else { return places[second].value == nil && first < second }
            guard let right = places[second].value, left != right else { return places[second].value == nil || first < second }
            return (left < right) == Self.isLowerBetter(metric)
        }
        self.places = order.enumerated().map { place, index in
            var one = places[index]
            if let value = one.value {
                // Equal figures share a rank.
                let better = order[..<place].firstIndex { places[$0].value == value } ?? place
                one.rank = better + 1
            }
            return one
        }
    }

    private init(metric: String, places: [Place]) { (self.metric, self.places) = (metric, places) }

    /// Some of the places, with the ranks that they have among all.
    func filtered(_ isWanted: (JobStatus) -> Bool) -> SweepRanking {
        SweepRanking(metric: metric, places: places.filter { isWanted($0.status) })
    }

    /// The best, this many.
    func first(_ count: Int?) -> SweepRanking {
        SweepRanking(metric: metric, places: count.map { Array(places.prefix($0)) } ?? places)
    }

    private static func isLowerBetter(_ metric: String) -> Bool {
        ["loss", "perplexity", "error"].contains { metric.hasSuffix($0) }
    }

    var table: TextTable {
        let names = places.first?.status.sweep?.values.map(\.key) ?? []
        var table = TextTable(["RANK", "JOB", "STATE"] + names.map(Self.short).map { $0.uppercased() } + [metric.uppercased(), "STEP"])
        for place in places {
            var cells = [place.rank.map { "\($0)" } ?? "-", place.status.id, place.status.state.rawValue]
            for name in names {
                let value = place.status.sweep?.values.first { $0.key == name }?.node
                cells.append(value.map { $0.string ?? JSONWriter().string($0) } ?? "-")
            }
            cells.append(place.value.map { Terminal.decimal($0, 5) } ?? "-")
            cells.append(place.step.map { "\($0)" } ?? "-")
            table.add(cells)
        }
        return table
    }

    /// The last word of a path.
    private static func short(_ name: String) -> String { name.split(separator: ".").last.map(String.init) ?? name }

    var json: JSONNode {
        JSONNode(
            places.map { place in
                [
                    "rank": place.rank.map { JSONNode($0) } ?? nil, "id": JSONNode(place.status.id),
                    "status": JSONNode(place.status.state.rawValue), "values": JSONNode(place.status.sweep?.values ?? []),
                    "value": place.value.map { JSONNode($0) } ?? nil, "step": place.step.map { JSONNode($0) } ?? nil,
                ]
            })
    }
}

/// What is known of a job on its validation data.
private struct Figures {
    private let table: MetricsTable?
    /// Whether the result is that of the best evaluation.
    private let loadsBest: Bool
    /// Figures of the result's `evaluation.json`, by their names.
    private let evaluation: [(name: String, value: Double)]

    init(_ folder: JobFolder) {
        table = try? MetricsTable(folder)
        loadsBest = (try? folder.manifest())?.evaluation.loadsBest == true
        let file = folder.result + "/evaluation.json"
        let node = (try? DurableFiles.read(file, limit: 64 << 20)).flatMap { try? JSONParser().parse($0) }
        var found: [(name: String, value: Double)] = []
        for member in node?.object ?? [] {
            if let value = member.node.double { found.append((member.key, value)) }
            if let value = member.node["f1"]?.double { found.append((member.key + "_f1", value)) }
        }
        for grader in node?["graders"]?.object ?? [] {
            if let mean = grader.node["mean"]?.double { found.append((grader.key, mean)) }
        }
        evaluation = found
    }

    private static let columns = ["loss": "full_valid_loss", "accuracy": "full_valid_mean_token_accuracy"]

    var names: [String] {
        let ofSteps = (table?.series ?? []).filter { $0.name.hasPrefix("full_valid_") && !$0.points.isEmpty }.map { series in
            Self.columns.first { $0.value == series.name }?.key ?? String(series.name.dropFirst("full_valid_".count))
        }
        return ofSteps + evaluation.map(\.name)
    }

    /// The figure of the job's result: of the best evaluation where the job takes that, else of the
    /// last.
    subscript(name: String, isLowerBetter isLower: Bool) -> (value: Double, step: Int?)? {
        let points = table?.points(Self.columns[name] ?? "full_valid_" + name) ?? []
        let best = isLower ? points.min { $0.value < $1.value } : points.max { $0.value < $1.value }
        if let point = loadsBest ? best : points.last { return (point.value, point.step) }
        return evaluation.first { $0.name == name }.map { ($0.value, nil) }
    }
}
