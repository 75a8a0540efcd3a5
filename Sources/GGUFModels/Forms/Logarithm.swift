import Glibc

/// Logarithms and powers of the C library.
enum Logarithm {
    static func of(_ number: Double) -> Double { log(number) }
    static func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
}
