/// What becomes of the delimiters when text is cut at them.
enum SplitBehavior: String, Sendable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"

    /// Cuts a range at the found delimiters, which are in order and do not overlap. Empty pieces
    /// vanish.
    /// - Parameter isInverted: what lies between the found ranges is the delimiter.
    func cut(_ whole: Range<Int>, at found: [Range<Int>], isInverted: Bool, into pieces: inout [Range<Int>]) {
        let first = pieces.count
        var previousWasMatch: Bool?
        func add(_ range: Range<Int>, _ isMatch: Bool) {
            defer { previousWasMatch = isMatch }
            switch self {
            case .isolated: if !range.isEmpty { pieces.append(range) }
            case .removed: if !isMatch, !range.isEmpty { pieces.append(range) }
            case .contiguous:
                if previousWasMatch == isMatch, pieces.count > first {
                    pieces[pieces.count - 1] = pieces[pieces.count - 1].lowerBound..<range.upperBound
                } else {
                    pieces.append(range)
                }
            case .mergedWithPrevious:
                if isMatch, previousWasMatch == false, pieces.count > first {
                    pieces[pieces.count - 1] = pieces[pieces.count - 1].lowerBound..<range.upperBound
                } else {
                    pieces.append(range)
                }
            case .mergedWithNext:
                // A delimiter joins what follows it, unless that is a delimiter itself.
                if previousWasMatch == true, !isMatch, pieces.count > first {
                    pieces[pieces.count - 1] = pieces[pieces.count - 1].lowerBound..<range.upperBound
                } else {
                    pieces.append(range)
                }
            }
        }
        var position = whole.lowerBound
        for range in found {
            if position < range.lowerBound { add(position..<range.lowerBound, isInverted) }
            add(range, !isInverted)
            position = range.upperBound
        }
        if position < whole.upperBound { add(position..<whole.upperBound, isInverted) }
        if self != .isolated, self != .removed {
            var kept = first
            for index in first..<pieces.count where !pieces[index].isEmpty {
                pieces[kept] = pieces[index]
                kept += 1
            }
            pieces.removeLast(pieces.count - kept)
        }
    }
}
