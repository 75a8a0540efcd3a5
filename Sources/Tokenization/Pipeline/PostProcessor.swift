/// What stands before and after a text when special tokens are asked for: the `post_processor` of
/// tokenizer.json.
struct PostProcessor: Sendable, Hashable {
    var before: [Int32] = []
    var after: [Int32] = []

    /// This one's tokens inside another's.
    func wrapped(in outer: PostProcessor) -> PostProcessor { PostProcessor(before: outer.before + before, after: after + outer.after) }
}
