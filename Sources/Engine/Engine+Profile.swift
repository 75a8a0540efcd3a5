package import Graph

extension Engine {
    /// The seconds of each kernel of a step in which so many answers get a token, or one prompt
    /// gets so many rows, with that many positions behind each row.
    /// - Parameters:
    ///   - rows: at most as many as a step may have.
    ///   - isPrompt: whether they are rows of one prompt, of which the last alone has logits.
    ///   - positions: at most the context's length.
    /// - Throws: what the device throws.
    package func profile(rows: Int, isPrompt: Bool, positions: Int) throws -> (plan: Plan, seconds: [Double]) {
        try engineModel.profile(
            (0..<max(1, rows)).map { index in
                EngineModel.Row(
                    token: 0, position: isPrompt ? min(index, settings.contextLength - 1) : max(0, positions - 1),
                    slot: isPrompt ? 0 : index % settings.slots, rotaryRow: 0, adapter: -1, wantsLogits: !isPrompt || index == rows - 1)
            })
    }
}
