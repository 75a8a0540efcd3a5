/// The names of what the host writes for a training program, beside the model's own inputs (``ModelInput``).
public enum ProgramInput {
    /// `[trained, 1]` int32: rows whose next token is trained.
    public static let trainedRows = "trainedRows"
    /// `[trained, 1]` int32: the tokens that they should predict.
    public static let targets = "targets"
    /// `[1, 1]` float32: one over the trained tokens of the whole batch.
    public static let lossScale = "lossScale"
    /// `[1, 4]` float32: learning rate, bias corrections of both moments, unused.
    public static let optimizerScalars = "optimizerScalars"
}

/// The names of what the host reads after a run.
public enum ProgramOutput {
    /// `[trained, 1]` float32.
    public static let losses = "losses"
    public static let correct = "correct"
    /// `[1, 2]` float32: global gradient norm and clip factor.
    public static let norm = "norm"
}
