import CMPI

/// The release of Open MPI that this program is linked with, and whose launcher it needs.
package enum OpenMPI {
    package static let release = Int(OMPI_MAJOR_VERSION)
}
