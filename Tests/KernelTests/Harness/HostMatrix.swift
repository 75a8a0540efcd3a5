import Tensors

/// An operand's content: numbers in row-major order that its element type holds exactly.
struct HostMatrix: Sendable {
    var rows: Int
    var columns: Int
    var values: [Double]

    subscript(_ row: Int, _ column: Int) -> Double { values[row * columns + column] }
    func row(_ row: Int) -> ArraySlice<Double> { values[(row * columns)..<((row + 1) * columns)] }
    func integer(_ row: Int, _ column: Int = 0) -> Int { Int(self[row, column]) }
    func number(_ row: Int, _ column: Int = 0) -> Bounded { Bounded(self[row, column]) }
}

/// What an output must hold after a call.
struct Expected {
    let rows: Int
    let columns: Int
    /// By element; nil where the call must leave what was there.
    var elements: [Bounded?]

    /// An output of which nothing is written yet.
    init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
        elements = Array(repeating: nil, count: rows * columns)
    }

    init(rows: Int, columns: Int, _ element: (_ row: Int, _ column: Int) -> Bounded) {
        self.init(rows: rows, columns: columns)
        for row in 0..<rows { for column in 0..<columns { self[row, column] = element(row, column) } }
    }

    subscript(_ row: Int, _ column: Int) -> Bounded? {
        get { elements[row * columns + column] }
        set { elements[row * columns + column] = newValue }
    }
}

extension ElementType {
    /// The number that is stored for `value`.
    func stored(_ value: Double) -> Double { number(bits(value)) }

    /// The bits of the nearest number, in the low bytes.
    func bits(_ value: Double) -> UInt32 {
        switch self {
        case .float32: Float(value).bitPattern
        case .bfloat16: UInt32(FloatConversion.bfloat16(Float(value)))
        case .float16: UInt32(FloatConversion.half(Float(value)))
        default: UInt32(bitPattern: Int32(value))
        }
    }

    func number(_ bits: UInt32) -> Double {
        switch self {
        case .float32: Double(Float(bitPattern: bits))
        case .bfloat16: Double(Float(bitPattern: bits << 16))
        case .float16: Double(FloatConversion.float(fromHalf: UInt16(truncatingIfNeeded: bits)))
        default: Double(Int32(bitPattern: bits))
        }
    }

    /// The relative error of rounding to this type.
    var roundoff: Double {
        switch self {
        case .float16: 0x1p-11
        case .bfloat16: 0x1p-8
        default: 0
        }
    }

    /// Numbers below this may be flushed to zero.
    var smallestNormal: Double {
        switch self {
        case .float16: 0x1p-14
        case .float32, .bfloat16: 0x1p-126
        default: 0
        }
    }
}
