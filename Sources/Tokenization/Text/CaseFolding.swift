/// Scalars that differ only in case, for expressions that ignore it.
enum CaseFolding {
    /// For each scalar with a case, all scalars that fold to the same.
    private static let classes: [UInt32: [UInt32]] = {
        var members: [UInt32: [UInt32]] = [:]
        for code in UInt32(0x41)..<0x1F000 {
            guard let scalar = Unicode.Scalar(code), scalar.properties.changesWhenCaseMapped else { continue }
            members[folded(scalar), default: []].append(code)
        }
        var result: [UInt32: [UInt32]] = [:]
        for (folded, codes) in members {
            let whole = Set(codes + [folded]).sorted()
            for code in whole { result[code] = whole }
        }
        return result
    }()

    private static func folded(_ scalar: Unicode.Scalar) -> UInt32 {
        single(single(scalar, \.uppercaseMapping), \.lowercaseMapping).value
    }

    private static func single(_ scalar: Unicode.Scalar, _ mapping: KeyPath<Unicode.Scalar.Properties, String>) -> Unicode.Scalar {
        let mapped = scalar.properties[keyPath: mapping].unicodeScalars
        return mapped.count == 1 ? mapped.first ?? scalar : scalar
    }

    /// The set with every scalar's other cases.
    static func closed(_ set: ScalarSet) -> ScalarSet {
        if let only = set.onlyMember { return ScalarSet((classes[only] ?? [only]).map { $0...$0 }) }
        var more: [ClosedRange<UInt32>] = []
        for (code, others) in classes where set.contains(code) { more += others.map { $0...$0 } }
        return set.union(ScalarSet(more))
    }
}
