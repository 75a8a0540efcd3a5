import JSON

/// Answers that are to be JSON.
package enum AnswerFields {
    /// Whether an answer is one JSON text and nothing else.
    package static func isValid(_ answer: String) -> Bool { parsed(answer) != nil }

    /// The share of the reference's members that the answer has with equal values; of a reference
    /// that is no object whether both are equal. 0 where the answer is no JSON.
    package static func equality(_ answer: String, _ reference: String) -> Double {
        guard let found = parsed(answer), let wanted = parsed(reference) else { return 0 }
        guard let members = wanted.object, !members.isEmpty else {
            return isEqual(found, wanted) ? 1 : 0
        }
        let same = members.reduce(0) { sum, member in
            sum + (found[member.key].map { isEqual($0, member.node) } == true ? 1 : 0)
        }
        return Double(same) / Double(members.count)
    }

    private static func parsed(_ text: String) -> JSONNode? { try? JSONParser().parse(text) }

    /// Whether two values are the same, whatever the order of members; 1 and 1.0 are.
    static func isEqual(_ left: JSONNode, _ right: JSONNode) -> Bool {
        if let one = left.double, let other = right.double { return one == other }
        if let one = left.array, let other = right.array {
            return one.count == other.count && zip(one, other).allSatisfy(isEqual)
        }
        if let one = left.object, let other = right.object {
            return one.count == other.count
                && one.allSatisfy { member in right[member.key].map { isEqual(member.node, $0) } == true }
        }
        switch (left.value, right.value) {
        case (.null, .null): return true
        case (.bool(let one), .bool(let other)): return one == other
        case (.string(let one), .string(let other)): return one == other
        case (.bigInteger(let one), .bigInteger(let other)): return one == other
        default: return false
        }
    }
}
