# Finds ParaView, or VTK alone, for the filters, the program and their tests.
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g -DNDEBUG")

option(METAPINN_PYTHON "Wrap the VTK filters in Python" ON)

# A Python that is not the system's (pyenv, conda) cannot load the system's VTK.
if (NOT DEFINED Python3_EXECUTABLE AND EXISTS /usr/bin/python3)
  set(Python3_EXECUTABLE /usr/bin/python3 CACHE FILEPATH "The Python whose VTK or ParaView is built against")
endif ()

if (METAPINN_PARAVIEW)
  set(components RemotingCore RemotingServerManager VTKExtensionsCore)
  if (METAPINN_PYTHON)
    list(APPEND components PythonInitializer)
  endif ()
  if (METAPINN_GUI)
    list(APPEND components pqComponents pqCore pqApplicationComponents)
  endif ()
  find_package(ParaView 5.11 REQUIRED COMPONENTS ${components})
  set(METAPINN_VTK_CMAKE_DIR "${ParaView_DIR}/vtk")
else ()
  # Debian's ParaView carries a whole VTK; libvtk9-dev cannot be installed beside it.
  if (NOT VTK_DIR)
    file(GLOB inside_paraview "/usr/lib/*/cmake/paraview-*/vtk/vtk-config.cmake")
    if (inside_paraview)
      list(GET inside_paraview 0 inside_paraview)
      get_filename_component(inside_paraview "${inside_paraview}" DIRECTORY)
    endif ()
  endif ()
  set(components CommonCore CommonDataModel CommonExecutionModel FiltersCore FiltersGeneral FiltersGeometry
    IOXML IOLegacy ParallelCore)
  if (METAPINN_PYTHON)
    list(APPEND components Python WrappingPythonCore PythonInterpreter)
  endif ()
  if (BUILD_TESTING)
    list(APPEND components TestingCore FiltersSources)
  endif ()
  find_package(VTK 9.1 REQUIRED COMPONENTS ${components} HINTS "${inside_paraview}")
  set(METAPINN_VTK_CMAKE_DIR "${VTK_DIR}")
endif ()

# Debian's paraview-dev names these in the private link closure of its libraries, depends on none of their development
# packages and does not look for them when COMPONENTS are given. Nothing of them is compiled against or linked, so that
# an empty target of the name is all that CMake needs.
foreach (target IN ITEMS LibXml2::LibXml2 hdf5::hdf5 hdf5::hdf5_hl Boost::boost NetCDF::NetCDF GLEW::GLEW
    Freetype::Freetype)
  if (NOT TARGET "${target}")
    add_library("${target}" INTERFACE IMPORTED)
  endif ()
endforeach ()
