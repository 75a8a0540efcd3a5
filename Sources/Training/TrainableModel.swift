public import Graph
public import Tensors

/// What the training loop needs to know of a model: how its graph is built, what is trained, and where its numbers come from.
public protocol TrainableModel: AnyObject {
    /// Adds the forward pass of `tokenCount` packed tokens to a graph, from the inputs named in ``ProgramInput`` to the normalised hidden states.
    func addForward(to graph: inout Graph, tokenCount: Int, isTraining: Bool) throws -> ForwardPass
    /// Which tensors are trained, and the pages they lie on.
    var trainables: TrainableLayout { get }
    /// Every frozen weight and constant of the model.
    var frozenTensors: [PersistentTensor] { get }
    /// Frozen weights whose stored bytes can be used where they are, by key.
    var mappedWeights: [String: UnsafeRawBufferPointer] { get }
    /// Writes weights, constants and the initial values of trained tensors into the memory of a device; mapped weights are there already.
    func fill(_ memory: any PersistentMemory, mapped: Set<String>) throws
    /// Number of layers, each of which the planner may compute a second time instead of keeping its values.
    var layerCount: Int { get }
    var vocabularySize: Int { get }
    var hiddenSize: Int { get }
    /// Tokens that a sliding layer sees; nil where no layer slides.
    var slidingWindow: Int? { get }
    var rotaryRows: RotaryRows { get }
    /// Whether the forward pass draws random numbers.
    var usesDropout: Bool { get }
}

/// The end of a forward pass: what the head needs.
public struct ForwardPass: Sendable {
    /// `[tokens, features]` in the activations' element type.
    public var hidden: ValueID
    /// `[vocabulary, features]`.
    public var headWeight: ValueID
    /// The key of the head's weight where it is trained.
    public var trainedHeadKey: String?
    /// Final logits become `softCap * tanh(logits / softCap)` where this is not 0.
    public var softCap: Float

    public init(hidden: ValueID, headWeight: ValueID, trainedHeadKey: String?, softCap: Float) {
        self.hidden = hidden
        self.headWeight = headWeight
        self.trainedHeadKey = trainedHeadKey
        self.softCap = softCap
    }
}

/// The names of what the host writes for a program and reads from it.
public enum ProgramInput {
    /// `[tokens, 1]` int32.
    public static let tokens = "tokens"
    /// `[tokens, 1]` int32: rows of the rotary table.
    public static let rotaryRows = "rotaryRows"
    /// `[tokens, 2]` int32: the rows that a token sees.
    public static let keyRanges = "keyRanges"
    public static let queryRanges = "queryRanges"
    /// The same for layers with a sliding window.
    public static let windowKeyRanges = "keyRanges.window"
    public static let windowQueryRanges = "queryRanges.window"
    /// `[1, 4]` int32: seed (low, high), step, micro-batch.
    public static let randomState = "randomState"
    /// `[trained, 1]` int32.
    public static let trainedRows = "trainedRows"
    public static let targets = "targets"
    /// `[1, 1]` float32: one over the trained tokens of the whole batch.
    public static let lossScale = "lossScale"
    /// `[1, 4]` float32: learning rate, bias corrections of both moments, unused.
    public static let optimizerScalars = "optimizerScalars"
}

public enum ProgramOutput {
    /// `[trained, 1]` float32.
    public static let losses = "losses"
    public static let correct = "correct"
    /// `[1, 2]` float32: global gradient norm and clip factor.
    public static let norm = "norm"
}
