import JSON

/// Precision, recall and F1 of a confusion matrix, as scikit-learn computes them over all classes
/// of a list: a class without texts counts in the plain mean as 0, and 0/0 is 0.
package struct ClassificationReport: Sendable, Hashable {
    package struct Scores: Sendable, Hashable {
        package var precision = 0.0
        package var recall = 0.0
        package var f1 = 0.0
        package var support = 0

        var members: [JSONMember] {
            [
                JSONMember("precision", JSONNode(precision)), JSONMember("recall", JSONNode(recall)), JSONMember("f1", JSONNode(f1)),
                JSONMember("support", JSONNode(support)),
            ]
        }
        var node: JSONNode { JSONNode(members) }

        /// Of counts; 0/0 is 0.
        init(right: Int, found: Int, support: Int) {
            precision = ClassificationReport.ratio(Double(right), Double(found))
            recall = ClassificationReport.ratio(Double(right), Double(support))
            f1 = ClassificationReport.ratio(2 * Double(right), Double(found + support))
            self.support = support
        }

        init(precision: Double, recall: Double, f1: Double, support: Int) {
            (self.precision, self.recall, self.f1, self.support) = (precision, recall, f1, support)
        }

        /// The mean of scores, each counted by its weight.
        static func mean(_ scores: [(scores: Scores, weight: Double)], support: Int) -> Scores {
            let whole = scores.reduce(0) { $0 + $1.weight }
            func mean(_ path: KeyPath<Scores, Double>) -> Double {
                ClassificationReport.ratio(scores.reduce(0) { $0 + $1.weight * $1.scores[keyPath: path] }, whole)
            }
            return Scores(precision: mean(\.precision), recall: mean(\.recall), f1: mean(\.f1), support: support)
        }
    }
    /// `confusion[label][found]`: how many texts of a class were taken for which.
    package let confusion: [[Int]]
    package let classes: [Scores]

    package init(confusion: [[Int]]) {
        self.confusion = confusion
        classes = confusion.indices.map { index in
            let support = confusion[index].reduce(0, +)
            let found = confusion.reduce(0) { $0 + $1[index] }
            return Scores(right: confusion[index][index], found: found, support: support)
        }
    }

    static func ratio(_ part: Double, _ whole: Double) -> Double { whole == 0 ? 0 : part / whole }

    package var count: Int { classes.reduce(0) { $0 + $1.support } }
    package var accuracy: Double { Self.ratio(confusion.indices.reduce(0.0) { $0 + Double(confusion[$1][$1]) }, Double(count)) }

    /// The mean over classes.
    package var macro: Scores { Scores.mean(classes.map { ($0, 1) }, support: count) }
    /// The mean over classes by how many texts they have.
    package var weighted: Scores { Scores.mean(classes.map { ($0, Double($0.support)) }, support: count) }

    /// The report as `evaluation.json` holds it.
    func members(_ names: [String]) -> [JSONMember] {
        // Of one class a text, precision, recall and F1 over all decisions are the accuracy.
        let micro = Scores(precision: accuracy, recall: accuracy, f1: accuracy, support: count)
        return [
            JSONMember("macro", macro.node), JSONMember("micro", micro.node), JSONMember("weighted", weighted.node),
            JSONMember("per_class", JSONNode(zip(names, classes).map { JSONMember($0, $1.node) })),
            JSONMember("confusion_matrix", JSONNode(confusion.map { JSONNode($0.map { JSONNode($0) }) })),
        ]
    }
}
