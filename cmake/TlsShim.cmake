# civetweb dlopens "libssl.so" and "libcrypto.so" and looks up names that OpenSSL 3 renamed. A shared
# object of ours with that very soname, already loaded because the executable needs it, is what dlopen
# then finds; it brings the real library along, so every other symbol resolves as before.
#   gateway/tls_shim/tls_shim.c     -> lib/libssl.so
#   gateway/tls_shim/crypto_shim.c  -> lib/libcrypto.so (only where the unversioned name may be absent)
add_library(integration_tls INTERFACE)
file(GLOB shim_sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/gateway/tls_shim/*.c")

function(add_tls_shim target source output)
  if(NOT "${CMAKE_SOURCE_DIR}/gateway/tls_shim/${source}" IN_LIST shim_sources)
    return()
  endif()
  add_library(${target} SHARED "${CMAKE_SOURCE_DIR}/gateway/tls_shim/${source}")
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${output}
                        LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
  # Loaded beside a statically linked sanitizer runtime, it must not bring a second one.
  target_compile_options(${target} PRIVATE -fno-sanitize=all)
  target_link_options(${target} PRIVATE -Wl,--no-as-needed -fno-sanitize=all)
  target_link_libraries(${target} PRIVATE OpenSSL::SSL OpenSSL::Crypto)
  install(TARGETS ${target} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/integration-service)
endfunction()

add_tls_shim(tls_shim tls_shim.c ssl)
add_tls_shim(crypto_shim crypto_shim.c crypto)
# By full path: -lssl would be taken for the real library. Within one pair of flags: CMake drops a flag that comes
# again, and the linker then leaves out the library behind it.
target_link_libraries(integration_tls INTERFACE -Wl,--no-as-needed tls_shim crypto_shim -Wl,--as-needed)

# An installed program finds the shims with one path, here and where it is installed. Where the two differ, CMake
# pads the shorter with empty entries, and the loader takes those for the current directory.
function(find_tls_shim program)
  set_target_properties(${program} PROPERTIES BUILD_WITH_INSTALL_RPATH ON
                        INSTALL_RPATH "$ORIGIN/lib;$ORIGIN/../${CMAKE_INSTALL_LIBDIR}/integration-service")
endfunction()
