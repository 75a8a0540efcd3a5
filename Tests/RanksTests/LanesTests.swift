import Basics
import Ranks
import Testing

@Suite struct LanesTests {
    @Test func aStepIsDividedByLengthsAloneAndEvenly() {
        var random = SplitMix64(seed: 7)
        for count in [1, 2, 3, 4, 6, 7, 16, 64] {
            for examples in [0, 1, 2, 5, 64, 101] {
                let lengths = (0..<examples).map { _ in 1 + Int(random.next() % 500) }
                let lanes = Lanes(count).divide(lengths)
                #expect(lanes.count == count && lanes.flatMap { $0 }.sorted() == Array(lengths.indices))
                #expect(lanes.allSatisfy { $0 == $0.sorted() })
                #expect(lanes == Lanes(count).divide(lengths))
                let tokens = lanes.map { $0.reduce(0) { $0 + lengths[$1] } }
                let longest = lengths.max() ?? 0
                #expect((tokens.max() ?? 0) - (tokens.min() ?? 0) <= longest, "\(count) lanes of \(examples) examples")
                #expect(tokens.max() ?? 0 <= Lanes(count).tokens(ofFullest: lengths.reduce(0, +), longest: longest))
            }
        }
    }

    @Test func oneLaneHasTheExamplesInTheirOrder() {
        #expect(Lanes(1).divide([3, 9, 1]) == [[0, 1, 2]] && Lanes(0).count == 1)
        #expect(Lanes(1).tokens(ofFullest: 900, longest: 500) == 900)
    }

    @Test func aProcessCarriesAWholeBranchOfTheTree() {
        #expect(Lanes(1).processCounts == [1] && Lanes(2).processCounts == [2, 1] && Lanes(8).processCounts == [8, 4, 2, 1])
        // Three neighbours of six are no branch: ((0+1)+(2+3))+(4+5).
        #expect(Lanes(6).processCounts == [6, 3, 1] && Lanes(12).processCounts == [12, 6, 3, 1] && Lanes(7).processCounts == [7, 1])
        for count in 1...64 {
            for processes in Lanes(count).processCounts {
                #expect((0..<processes).flatMap { Array(Lanes(count).own($0, of: processes)) } == Array(0..<count))
            }
        }
    }
}

@Suite struct TreeOfSumsTests {
    /// The order of additions, written out.
    private static func order(_ count: Int) -> String {
        var tree = TreeOfSums<Text>()
        for index in 0..<count { tree.take(Text("\(index)")) { $0.words = "(\($0.words)+\($1.words))" } }
        return tree.finish { $0.words = "(\($0.words)+\($1.words))" }?.words ?? ""
    }

    private final class Text {
        var words: String
        init(_ words: String) { self.words = words }
    }

    @Test func neighboursAreAddedFirst() {
        #expect(Self.order(0) == "" && Self.order(1) == "0" && Self.order(2) == "(0+1)" && Self.order(3) == "((0+1)+2)")
        #expect(Self.order(4) == "((0+1)+(2+3))" && Self.order(5) == "(((0+1)+(2+3))+4)")
        #expect(Self.order(6) == "(((0+1)+(2+3))+(4+5))" && Self.order(7) == "(((0+1)+(2+3))+((4+5)+6))")
    }

    /// Whatever processes carry the lanes, each adds its branch and all add the branches.
    @Test(arguments: 1...16) func branchesOfProcessesMakeTheSameTree(count: Int) {
        var random = SplitMix64(seed: UInt64(count))
        let length = 37
        let lanes = (0..<count).map { _ in (0..<length).map { _ in Float(Int(random.next() % 2_000_003)) * 1e-3 - 1e3 } }
        func sum(_ parts: [[Float]]) -> [Float] {
            let sums = parts.map { part in
                let sum = PartialSum(count: length)
                sum.withNumbers { for index in 0..<length { $0[index] = part[index] } }
                return sum
            }
            return withExtendedLifetime(sums) {
                PartialSum.addUp(sums.map(\.numbers))
                return Array(sums[0].numbers)
            }
        }
        let whole = sum(lanes)
        for processes in Lanes(count).processCounts {
            let branches = (0..<processes).map { sum(Lanes(count).own($0, of: processes).map { lanes[$0] }) }
            #expect(sum(branches).map(\.bitPattern) == whole.map(\.bitPattern), "\(processes) processes")
        }
        for index in 0..<length {
            let exact = lanes.reduce(0.0) { $0 + Double($1[index]) }
            // Each of the additions on the way rounds by half a unit of numbers up to 2^15 or so.
            let magnitude = lanes.reduce(0.0) { $0 + abs(Double($1[index])) }
            #expect(abs(Double(whole[index]) - exact) <= magnitude * 5 * Double(Float.ulpOfOne))
        }
    }
}
