/*=========================================================================

  Program:   Metapinn
  Module:    vtkMetapinnFiles.h

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
// VTK's file formats for the program: reads VTU, VTP and legacy VTK files, writes VTU and VTP.
#ifndef vtkMetapinnFiles_h
#define vtkMetapinnFiles_h

#include "metapinn_cli.h"

#include <cstddef>

/** The formats, for mpinn_cli_main. */
const mpinn_cli_format* vtkMetapinnFileFormats(std::size_t& count);

#endif
