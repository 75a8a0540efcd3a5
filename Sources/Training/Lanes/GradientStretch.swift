import Graph
import Models
import Tensors

/// Neighbouring gradients that go together, and their parameters, where they lie.
struct GradientStretch {
    var gradients: UnsafeMutableBufferPointer<Float>
    var parameters: UnsafeMutableBufferPointer<Float>
    /// The place of their page in the layout.
    var page: Int
    /// Where they stand in a sum of lanes, which has the pages in the layout's order.
    var start: Int
    /// Where the gradients lie.
    var block: Int
    var bytes: Range<Int>

    /// Numbers of a stretch at most: about those of an adapter in one layer, and an eighth of few.
    private static func mostNumbers(of count: Int) -> Int { min(128 << 10, max(1 << 10, count / 8)) }

    /// All of a session, as they lie in its memory; nil where they have to be copied.
    static func all(of session: TrainingSession) -> [GradientStretch]? {
        let memory = session.persistent
        func numbers(_ piece: TensorReference) -> UnsafeMutableBufferPointer<Float>? {
            piece.elementType == .float32 ? memory.place(of: piece)?.bindMemory(to: Float.self) : nil
        }
        var found: [GradientStretch] = []
        var start = 0
        let pages = Array(zip(TrainablePages.of(session, [.gradient]), TrainablePages.of(session, [.parameter])))
        let mostNumbers = mostNumbers(of: pages.reduce(0) { $0 + $1.0.byteCount / 4 })
        for (page, (gradients, parameters)) in pages.enumerated() {
            guard gradients.place.pieces.map(\.type) == parameters.place.pieces.map(\.type) else { return nil }
            for (piece, parameterPiece) in zip(gradients.place.pieces, parameters.place.pieces) {
                guard let own = numbers(piece), let stepped = numbers(parameterPiece) else { return nil }
                for first in stride(from: 0, to: own.count, by: mostNumbers) {
                    let range = first..<min(own.count, first + mostNumbers)
                    found.append(
                        GradientStretch(
                            gradients: UnsafeMutableBufferPointer(rebasing: own[range]),
                            parameters: UnsafeMutableBufferPointer(rebasing: stepped[range]), page: page, start: start + first,
                            block: piece.block,
                            bytes: piece.byteOffset + 4 * range.lowerBound..<piece.byteOffset + 4 * range.upperBound))
                }
                start += own.count
            }
        }
        return found.sorted { ($0.block, $0.bytes.lowerBound) < ($1.block, $1.bytes.lowerBound) }
    }

    /// The places of the stretches that an operand touches, among some as they lie in memory.
    static func places(of operand: TensorReference, among stretches: [GradientStretch]) -> Range<Int> {
        guard operand.space == .persistent, operand.byteSpan > 0 else { return 0..<0 }
        let bytes = operand.byteOffset..<operand.byteOffset + operand.byteSpan
        var (low, high) = (0, stretches.count)
        while low < high {
            let middle = (low + high) / 2
            let stretch = stretches[middle]
            if (stretch.block, stretch.bytes.upperBound) <= (operand.block, bytes.lowerBound) { low = middle + 1 } else { high = middle }
        }
        var end = low
        while end < stretches.count, stretches[end].block == operand.block, stretches[end].bytes.lowerBound < bytes.upperBound { end += 1 }
        return low..<end
    }

    /// The order in which they go: those of the last parameters first, as a backward pass ends
    /// them. It follows from the layout, so all processes have the same.
    static func order(of stretches: [GradientStretch], _ session: TrainingSession) -> [Int] {
        let layout = session.programs.model.trainables
        var first = [Int](repeating: layout.parameters.count, count: stretches.count)
        for (number, parameter) in layout.parameters.enumerated() {
            guard let key = layout.tensor(of: parameter.key, .gradient)?.key else { continue }
            for piece in session.persistent.layout.placements[key]?.pieces ?? [] {
                for place in places(of: piece, among: stretches) { first[place] = min(first[place], number) }
            }
        }
        return stretches.indices.sorted { (first[$1], $0) < (first[$0], $1) }
    }
}
