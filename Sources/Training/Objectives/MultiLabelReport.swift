import JSON

/// What scikit-learn computes where a sample may have any number of classes: a class is found where
/// its logit is above 0, and 0/0 is 0.
package struct MultiLabelReport: Sendable, Hashable {
    package typealias Scores = ClassificationReport.Scores
    package let classes: [Scores]
    /// `[[right absences, wrong finds], [misses, finds]]` of each class.
    package let confusion: [[[Int]]]
    /// The area under precision over recall of each class, as steps.
    package let averagePrecisions: [Double]
    package let micro: Scores
    /// The mean over samples.
    package let samples: Scores
    /// The share of single decisions that are right.
    package let elementAccuracy: Double

    package init(_ rows: [Measures.Scored], classCount: Int) {
        var (right, found, support) = (
            [Int](repeating: 0, count: classCount), [Int](repeating: 0, count: classCount), [Int](repeating: 0, count: classCount)
        )
        var ofSamples: [(Scores, Double)] = []
        for row in rows {
            let labels = Set(row.labels)
            var (rowRight, rowFound) = (0, 0)
            for index in 0..<classCount {
                let (isFound, isThere) = (row.logits[index] > 0, labels.contains(index))
                found[index] += isFound ? 1 : 0
                support[index] += isThere ? 1 : 0
                right[index] += isFound && isThere ? 1 : 0
                rowFound += isFound ? 1 : 0
                rowRight += isFound && isThere ? 1 : 0
            }
            ofSamples.append((Scores(right: rowRight, found: rowFound, support: labels.count), 1))
        }
        classes = (0..<classCount).map { Scores(right: right[$0], found: found[$0], support: support[$0]) }
        confusion = (0..<classCount).map { index in
            let (wrong, missed) = (found[index] - right[index], support[index] - right[index])
            return [[rows.count - wrong - missed - right[index], wrong], [missed, right[index]]]
        }
        let all = support.reduce(0, +)
        micro = Scores(right: right.reduce(0, +), found: found.reduce(0, +), support: all)
        samples = Scores.mean(ofSamples, support: all)
        let faults = confusion.reduce(0) { $0 + $1[0][1] + $1[1][0] }
        elementAccuracy = 1 - ClassificationReport.ratio(Double(faults), Double(rows.count * classCount))
        averagePrecisions = (0..<classCount).map { index in
            Self.averagePrecision(rows.map { ($0.logits[index], $0.labels.contains(index)) })
        }
    }

    /// The sum over thresholds of precision times what recall gains there; 0 where nothing is to be
    /// found.
    static func averagePrecision(_ scores: [(score: Float, isThere: Bool)]) -> Double {
        let positives = scores.reduce(0) { $0 + ($1.isThere ? 1 : 0) }
        guard positives > 0 else { return 0 }
        let sorted = scores.sorted { $0.score > $1.score }
        var (area, right, recall, place) = (0.0, 0, 0.0, 0)
        while place < sorted.count {
            // Equal scores cross a threshold together.
            var end = place
            while end < sorted.count, sorted[end].score == sorted[place].score {
                right += sorted[end].isThere ? 1 : 0
                end += 1
            }
            let now = Double(right) / Double(positives)
            area += (now - recall) * Double(right) / Double(end)
            (recall, place) = (now, end)
        }
        return area
    }

    package var macro: Scores { Scores.mean(classes.map { ($0, 1) }, support: micro.support) }
    package var weighted: Scores { Scores.mean(classes.map { ($0, Double($0.support)) }, support: micro.support) }

    /// The report as `evaluation.json` holds it.
    func members(_ names: [String]) -> [JSONMember] {
        let perClass = names.indices.map { index in
            JSONMember(
                names[index],
                JSONNode(classes[index].members + [JSONMember("average_precision", JSONNode(averagePrecisions[index]))]))
        }
        let matrices = confusion.map { matrix in JSONNode(matrix.map { row in JSONNode(row.map { JSONNode($0) }) }) }
        let mean = averagePrecisions.reduce(0, +) / Double(max(1, names.count))
        return [
            JSONMember("element_accuracy", JSONNode(elementAccuracy)), JSONMember("macro", macro.node), JSONMember("micro", micro.node),
            JSONMember("weighted", weighted.node), JSONMember("samples", samples.node), JSONMember("per_class", JSONNode(perClass)),
            JSONMember("mean_average_precision", JSONNode(mean)), JSONMember("confusion_matrix", JSONNode(matrices)),
        ]
    }
}
