#ifndef TALA_CMPI_SHIM_H
#define TALA_CMPI_SHIM_H
#include <mpi.h>

// The predefined handles are casts of addresses, which Swift does not import.
static inline MPI_Comm tala_mpi_world(void) { return MPI_COMM_WORLD; }
static inline MPI_Datatype tala_mpi_float(void) { return MPI_FLOAT; }
static inline MPI_Datatype tala_mpi_byte(void) { return MPI_BYTE; }
static inline MPI_Datatype tala_mpi_int64(void) { return MPI_INT64_T; }
static inline MPI_Errhandler tala_mpi_errors_return(void) { return MPI_ERRORS_RETURN; }
static inline MPI_Info tala_mpi_no_info(void) { return MPI_INFO_NULL; }
static inline MPI_Status *tala_mpi_ignore_status(void) { return MPI_STATUS_IGNORE; }
static inline MPI_Status *tala_mpi_ignore_statuses(void) { return MPI_STATUSES_IGNORE; }
#endif
