import Glibc
import Graph

/// Every operation with a kernel, and the cases it is tried with. `TALA_KERNELS=Attention,RMSNorm`
/// tries only these, `TALA_SMALLEST=1` only small operands and narrow heads, for drivers that
/// compile slowly.
enum KernelCatalogue {
    /// The one list that a new operation's reference is added to.
    static let references: [any KernelReference.Type] = [
        ActivationReference.self,
        ActivationBackwardReference.self,
        AdafactorReference.self,
        AdamW8BitReference.self,
        AdamWReference.self,
        AddReference.self,
        AttentionReference.self,
        AttentionBackwardReference.self,
        AttentionDeltaReference.self,
        AttentionSinkGradientReference.self,
        BiasAddReference.self,
        CachedAttentionReference.self,
        CachedConvolutionReference.self,
        ClampedGateReference.self,
        ClampedGateBackwardReference.self,
        ClassLossReference.self,
        ClipFactorReference.self,
        ColumnSumReference.self,
        ConvertReference.self,
        CrossEntropyReference.self,
        DistillationLossReference.self, DropoutReference.self,
        EmbeddingReference.self,
        EmbeddingBackwardReference.self,
        EmbeddingNoiseReference.self,
        ExpertBiasReference.self,
        ExpertBiasGradientReference.self,
        ExpertChoiceReference.self,
        ExpertChoiceBackwardReference.self,
        ExpertOrderReference.self,
        ExpertRowsReference.self,
        ExpertSumReference.self,
        ExpertWeightsReference.self,
        ExpertWeightsBackwardReference.self,
        GatedActivationReference.self,
        GatedActivationBackwardReference.self,
        GatherRowsReference.self,
        GroupedProductReference.self,
        GroupedWeightGradientReference.self,
        InverseRowNormsReference.self,
        LayerNormReference.self,
        LayerNormBackwardReference.self,
        LayerNormWeightGradientReference.self,
        LionReference.self,
        MatrixProductReference.self,
        MultiplyReference.self,
        MuonMomentumReference.self,
        MuonStepReference.self,
        NormalizeReference.self,
        PreferenceLossReference.self,
        QuantizedProductReference.self,
        RMSNormReference.self,
        RMSNormBackwardReference.self,
        RMSNormWeightGradientReference.self,
        RotaryEmbeddingReference.self,
        RoutedProductReference.self,
        RouterBalanceReference.self,
        RouterBalanceBackwardReference.self,
        RouterLossReference.self,
        ScaleReference.self,
        ScaleColumnsReference.self,
        ScaleColumnsBackwardReference.self,
        ScaleRowsReference.self,
        ScatterRowsReference.self,
        SGDReference.self,
        ShortConvolutionReference.self,
        ShortConvolutionBackwardReference.self,
        ShortConvolutionWeightGradientReference.self,
        SliceRowsBackwardReference.self,
        SumOfSquaresReference.self,
    ]

    static let names: [String] = references.map { name(of: $0) }
    private static func name<R: KernelReference>(of reference: R.Type) -> String { R.name }

    private static let wanted = environment("TALA_KERNELS")?.split(separator: ",").map(String.init)
    static let cases: [KernelCase] = references.flatMap { $0.cases }.filter { kernel in
        (wanted?.contains(kernel.operation) ?? true) && (environment("TALA_SMALLEST") != "1" || isSmall(kernel))
    }
    static let timings: [KernelCase] = references.flatMap { $0.timings }.filter { wanted?.contains($0.operation) ?? true }

    private static func isSmall(_ kernel: KernelCase) -> Bool {
        var random = CaseRandom(seed: 1)
        guard let sample = try? kernel.sample(&random) else { return true }
        let headWidth = (sample.operation as? Attention)?.shape.headWidth ?? (sample.operation as? AttentionBackward)?.shape.headWidth ?? 0
        return headWidth <= 24 && sample.inputs.allSatisfy { $0.type.elementCount <= 20_000 }
    }

    /// Where all drawings of this run begin; `TALA_SEED` gives another run's again.
    static let seed: UInt64 = {
        let seed = environment("TALA_SEED").flatMap { UInt64($0) } ?? 20_240_607
        print("kernel tests draw from TALA_SEED=\(seed)")
        return seed
    }()
}
