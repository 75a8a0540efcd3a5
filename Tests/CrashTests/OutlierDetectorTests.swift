import Testing
import Training

/// Figures of steps that are far out of line.
@Suite struct OutlierDetectorTests {
    @Test func aFigureFarAboveTheOnesBeforeIsOutOfLineAndFallingOnesAreNot() {
        var detector = OutlierDetector()
        var found: [Int] = []
        for step in 0..<200 {
            // Falls slowly and wavers.
            let value = 4 - Double(step) * 0.01 + (step % 2 == 0 ? 0.05 : -0.05)
            if detector.add(step == 150 ? 40 : value) != nil { found.append(step) }
        }
        #expect(found == [150])
    }

    @Test func nothingIsOutOfLineBeforeThereIsALineAndEqualFiguresNeverAre() {
        var detector = OutlierDetector()
        #expect((0..<31).allSatisfy { detector.add($0 == 20 ? 1000 : 1) == nil })
        var even = OutlierDetector()
        #expect((0..<100).allSatisfy { _ in even.add(2) == nil })
        #expect(even.add(.nan) == nil && even.add(2.001) == nil)
    }
}
