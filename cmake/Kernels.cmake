# The kernels' files are compiled for their own instruction set, whatever the rest is compiled for; int8_gemm.cpp asks the
# processor before it calls one. They therefore hold nothing that the linker could share with other files
# (src/kernels/int8_kernel.hpp; tests/tools/kernel_objects_test.py looks).
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set_source_files_properties(src/kernels/avx2.cpp PROPERTIES COMPILE_OPTIONS "-mavx2")
  set_source_files_properties(src/kernels/avx_vnni.cpp PROPERTIES COMPILE_OPTIONS "-mavx2;-mavxvnni")
  set_source_files_properties(src/kernels/avx512_vnni.cpp PROPERTIES
    COMPILE_OPTIONS "-mavx512f;-mavx512bw;-mavx512vl;-mavx512vnni;-mprefer-vector-width=512")
endif()

# Square roots of what is never negative, as vector code (fill_pairs).
set_source_files_properties(src/hardware/analog/crossbar.cpp PROPERTIES COMPILE_OPTIONS "-fno-math-errno")
