/// Which forms the tensors of a file have, as llama.cpp names such mixes.
///
/// Vectors are in float32 always. Errors of the last matrix, of values and of the matrices back
/// from the wide layer cost most, so that mixes of few bits give them more.
package enum GGUFMix: String, Sendable, Hashable, CaseIterable {
    case f32, f16, bf16, q8_0, q4_0, q4_k_m, q5_k_m, q6_k, mxfp4

    /// `general.file_type`.
    package var fileType: Int {
        switch self {
        case .f32: 0
        case .f16: 1
        case .q4_0: 2
        case .q8_0: 7
        case .q4_k_m: 15
        case .q5_k_m: 17
        case .q6_k: 18
        case .bf16: 32
        case .mxfp4: 38
        }
    }

    /// The form of most matrices.
    package var main: GGUFType {
        switch self {
        case .f32: .f32
        case .f16: .f16
        case .bf16: .bf16
        case .q8_0: .q8_0
        case .q4_0: .q4_0
        case .q4_k_m: .q4_k
        case .q5_k_m: .q5_k
        case .q6_k: .q6_k
        case .mxfp4: .mxfp4
        }
    }

    /// Whether numbers are rounded to fewer than 16 bits.
    package var isQuantized: Bool { main.blockLength > 1 }

    /// The form of a matrix.
    /// - Parameters:
    ///   - name: its name in the file.
    ///   - layer: whose it is; nil for the embedding and the last matrix.
    ///   - isTied: whether the embedding is the last matrix, too.
    ///   - hasExperts: whether the model is a mixture: llama.cpp's mix of MXFP4 gives it to experts
    ///     alone.
    package func type(of name: String, layer: Int?, layers: Int, columns: Int, isTied: Bool, hasExperts: Bool = false) -> GGUFType {
        // The choice of experts hangs on small differences; taps of convolutions are few.
        if [".ffn_gate_inp.weight", ".shortconv.conv.weight"].contains(where: { name.hasSuffix($0) }) || name == "position_embd.weight" {
            return .f32
        }
        guard isQuantized, self != .q8_0 else { return main.fitting(columns: columns) }
        guard let layer else {
            let isLast = name == "output.weight" || isTied
            return (self == .mxfp4 ? .q8_0 : isLast ? GGUFType.q6_k : main).fitting(columns: columns)
        }
        if self == .mxfp4, hasExperts, !name.hasSuffix("_exps.weight") { return GGUFType.q8_0.fitting(columns: columns) }
        let isSensitive = ["attn_v.weight", "attn_qkv.weight", "ffn_down.weight", "ffn_down_exps.weight"].contains {
            name.hasSuffix("." + $0)
        }
        let givesMore = (self == .q4_k_m || self == .q5_k_m) && isSensitive && Self.hasMoreBits(layer, of: layers)
        return (givesMore ? .q6_k : main).fitting(columns: columns)
    }

    /// The first and the last eighth of the layers, and every third between them.
    private static func hasMoreBits(_ layer: Int, of layers: Int) -> Bool {
        layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2
    }
}
