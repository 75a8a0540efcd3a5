package import Tensors

/// ``ShortConvolution`` over rows that lie in pages of a cache, as generation computes it.
///
/// Row `i` stands at the last position that it sees, `ranges[i, 1] - 1` of sequence `sequences[i]`;
/// positions before `ranges[i, 0]` are not seen. Position `p` lies where ``CachedAttention`` finds
/// it. Inputs: `cache` `[rows, n]`, `weight` `[n, taps]`, both of any floating type, `ranges` `[t,
/// 2]`, `sequences` `[t, 1]`, `pages` `[s, m]`, all int32. Output: `[t, n]` of `outputType`; a row
/// that sees nothing gives zeros. No bit of a row depends on the others.
package struct CachedConvolution: OperationWithoutGradient {
    package static let name = "CachedConvolution"
    /// Positions of a page.
    package var pageRows: Int
    package var outputType: ElementType

    package init(pageRows: Int, outputType: ElementType) { (self.pageRows, self.outputType) = (pageRows, outputType) }

    package func outputTypes(for inputs: [TensorType]) throws(GraphError) -> [TensorType] {
        try requireCount(inputs, 5)
        let rows = inputs[2].rows
        try require(pageRows > 0, "pages have \(pageRows) rows")
        try require(ShortConvolution.fits(weight: inputs[1], inputs[0]), "the weight is \(inputs[1]) for \(inputs[0])")
        try require(inputs[2].columns == 2 && inputs[2].elementType == .int32, "ranges are \(inputs[2])")
        try require(inputs[3] == TensorType(rows: rows, columns: 1, .int32), "sequences are \(inputs[3])")
        try require(inputs[4].elementType == .int32 && outputType.isFloatingPoint, "pages are \(inputs[4])")
        return [TensorType(rows: rows, columns: inputs[0].columns, outputType)]
    }

    package func cost(inputs: [TensorType], outputs: [TensorType]) -> Cost {
        let taps = Double(inputs[1].columns)
        var cost = Cost.elementwise(2 * taps, Array(inputs.dropFirst()), outputs)
        cost.bytesRead += taps * Double(outputs[0].elementCount * inputs[0].elementType.byteCount)
        return cost
    }
    package var attributes: String { "pageRows=\(pageRows)" }
}
