import JSON

/// Precision, recall and F1 of a confusion matrix, as scikit-learn computes them over all classes
/// of a list: a class without texts counts in the plain mean as 0, and 0/0 is 0.
package struct ClassificationReport: Sendable, Hashable {
    package struct Scores: Sendable, Hashable {
        package var precision = 0.0
        package var recall = 0.0
        package var f1 = 0.0
        package var support = 0
    }
    /// `confusion[label][found]`: how many texts of a class were taken for which.
    package let confusion: [[Int]]
    package let classes: [Scores]

    package init(confusion: [[Int]]) {
        self.confusion = confusion
        classes = confusion.indices.map { index in
            let support = confusion[index].reduce(0, +)
            let found = confusion.reduce(0) { $0 + $1[index] }
            let right = Double(confusion[index][index])
            let (precision, recall) = (Self.ratio(right, Double(found)), Self.ratio(right, Double(support)))
            return Scores(precision: precision, recall: recall, f1: Self.ratio(2 * right, Double(found + support)), support: support)
        }
    }

    private static func ratio(_ part: Double, _ whole: Double) -> Double { whole == 0 ? 0 : part / whole }

    package var count: Int { classes.reduce(0) { $0 + $1.support } }
    package var accuracy: Double { Self.ratio(confusion.indices.reduce(0.0) { $0 + Double(confusion[$1][$1]) }, Double(count)) }

    /// The mean over classes.
    package var macro: Scores { mean { _ in 1 } }
    /// The mean over classes by how many texts they have.
    package var weighted: Scores { mean { Double($0.support) } }

    private func mean(_ weight: (Scores) -> Double) -> Scores {
        let whole = classes.reduce(0) { $0 + weight($1) }
        func mean(_ path: KeyPath<Scores, Double>) -> Double {
            Self.ratio(classes.reduce(0) { $0 + weight($1) * $1[keyPath: path] }, whole)
        }
        return Scores(precision: mean(\.precision), recall: mean(\.recall), f1: mean(\.f1), support: count)
    }

    /// The report as `evaluation.json` holds it.
    func members(_ names: [String]) -> [JSONMember] {
        func node(_ scores: Scores) -> JSONNode {
            [
                "precision": JSONNode(scores.precision), "recall": JSONNode(scores.recall), "f1": JSONNode(scores.f1),
                "support": JSONNode(scores.support),
            ]
        }
        // Of one class a text, precision, recall and F1 over all decisions are the accuracy.
        let micro = Scores(precision: accuracy, recall: accuracy, f1: accuracy, support: count)
        return [
            JSONMember("macro", node(macro)), JSONMember("micro", node(micro)), JSONMember("weighted", node(weighted)),
            JSONMember("per_class", JSONNode(zip(names, classes).map { JSONMember($0, node($1)) })),
            JSONMember("confusion_matrix", JSONNode(confusion.map { JSONNode($0.map { JSONNode($0) }) })),
        ]
    }
}
