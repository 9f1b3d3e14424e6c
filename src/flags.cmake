# Compiler and linker flags of every target: warnings, hardening, sanitizers.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)

# Protections of the code, ours and the network parser's, whoever wrote it.
add_library(mb_hardening INTERFACE)

# Everything our own sources are compiled with.
add_library(mb_flags INTERFACE)
target_link_libraries(mb_flags INTERFACE mb_hardening)
target_include_directories(mb_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(mb_flags INTERFACE _POSIX_C_SOURCE=200809L MB_VERSION="${PROJECT_VERSION}")
target_compile_options(mb_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
  -Wmissing-prototypes -Wvla -Wundef -Wformat=2 -Wimplicit-fallthrough)
if(MB_WERROR)
  target_compile_options(mb_flags INTERFACE -Werror)
endif()

function(mb_try_flag target flag)
  string(MAKE_C_IDENTIFIER "have${flag}" name)
  check_c_compiler_flag("${flag}" ${name})
  if(${name})
    target_compile_options(${target} INTERFACE "${flag}")
  endif()
endfunction()
function(mb_try_link flag)
  string(MAKE_C_IDENTIFIER "link${flag}" name)
  check_linker_flag(C "${flag}" ${name})
  if(${name})
    target_link_options(mb_hardening INTERFACE "${flag}")
  endif()
endfunction()

foreach(flag -Wbidi-chars=any -Wtrampolines -Werror=format-security -Werror=implicit
        -Werror=incompatible-pointer-types -Werror=int-conversion)
  mb_try_flag(mb_flags ${flag})
endforeach()
target_compile_options(mb_hardening INTERFACE -fno-strict-aliasing -fno-common)
foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
        -ftrivial-auto-var-init=zero -fno-delete-null-pointer-checks -fno-strict-overflow
        -fexceptions -fzero-call-used-regs=used-gpr -fstrict-flex-arrays=3
        -fzero-init-padding-bits=all)
  mb_try_flag(mb_hardening ${flag})
endforeach()

if(MB_SANITIZE)
  target_compile_options(mb_hardening INTERFACE -fsanitize=address,undefined
    -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
  target_link_options(mb_hardening INTERFACE -fsanitize=address,undefined)
else()
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_options(mb_hardening INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -g)
  endif()
  set(CMAKE_EXE_LINKER_FLAGS "${CMAKE_EXE_LINKER_FLAGS} -pie")
  foreach(flag -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code
          -Wl,--as-needed -Wl,--no-copy-dt-needed-entries)
    mb_try_link(${flag})
  endforeach()
endif()

# Release is optimised across folders where the compiler can. Objects hold plain code too, for the programs
# of the tests: linking some forty of them that way took most of the time of a build.
include(CheckIPOSupported)
check_ipo_supported(RESULT have_ipo LANGUAGES C OUTPUT why_no_ipo)
if(have_ipo AND CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT MB_SANITIZE)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
  mb_try_flag(mb_hardening -ffat-lto-objects)
endif()

# One static library per folder, made of every .c file in it.
function(mb_library name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  add_library(${name} STATIC ${sources})
endfunction()
