/*=========================================================================

  Program:   Metapinn
  Module:    vtkMetapinnFiles.cxx

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
#include "vtkMetapinnFiles.h"

#include "vtkMetapinnConvert.h"

#include "vtkCommand.h"
#include "vtkDataSet.h"
#include "vtkDataSetReader.h"
#include "vtkExecutive.h"
#include "vtkNew.h"
#include "vtkPolyData.h"
#include "vtkUnstructuredGrid.h"
#include "vtkXMLPolyDataReader.h"
#include "vtkXMLPolyDataWriter.h"
#include "vtkXMLUnstructuredGridReader.h"
#include "vtkXMLUnstructuredGridWriter.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

namespace
{
/** Collects the first error of a reader or writer, which otherwise goes to the terminal. */
class FirstError : public vtkCommand
{
public:
  static FirstError* New() { return new FirstError; }

  void Execute(vtkObject*, unsigned long, void* data) override
  {
    if (!this->Text.empty() || !data)
    {
      return;
    }
    this->Text = static_cast<const char*>(data);
    // VTK writes "ERROR: In FILE, line N\nCLASS (ADDRESS): SENTENCE": the sentence is what a user
    // can read.
    const size_t address = this->Text.find("): ");
    if (address != std::string::npos)
    {
      this->Text.erase(0, address + 3);
    }
    while (!this->Text.empty() && (this->Text.back() == '\n' || this->Text.back() == ' '))
    {
      this->Text.pop_back();
    }
  }

  std::string Text;
};

void Observe(vtkAlgorithm* algorithm, FirstError* error)
{
  algorithm->AddObserver(vtkCommand::ErrorEvent, error);
  algorithm->AddObserver(vtkCommand::WarningEvent, error);
  algorithm->GetExecutive()->AddObserver(vtkCommand::ErrorEvent, error);
}

std::string Shortened(const std::string& whole)
{
  return whole.substr(0, 300);
}

/** Why a reader gave nothing, and what helps. */
std::string Reason(const FirstError* error)
{
  const std::string reason = error->Text.empty()
    ? "VTK's reader makes an empty mesh of it"
    : "VTK's reader cannot read it (" + Shortened(error->Text) + ")";
  return reason + "; the file is damaged, cut short or empty: write it again, in binary mode";
}

mpinn_status Take(mpinn_context* context, const char* path, vtkDataObject* data,
  const FirstError* error, mpinn_subject** subject)
{
  auto* dataSet = vtkDataSet::SafeDownCast(data);
  if (!dataSet || dataSet->GetNumberOfPoints() == 0)
  {
    return mpinn_cli_fail(context, MPINN_ERROR_FORMAT, path, Reason(error).c_str());
  }
  vtkMetapinnConvert::Cells cells;
  std::string sentence;
  const mpinn_status status = vtkMetapinnConvert::ToSubject(
    context, dataSet, "mesh", vtkMetapinnConvert::AnyArray, subject, cells, sentence);
  if (status != MPINN_OK)
  {
    return mpinn_cli_fail(context, status, path, sentence.c_str());
  }
  if (!cells.Notice.empty())
  {
    std::fprintf(stderr, "%s: %s\n", path, cells.Notice.c_str());
  }
  return MPINN_OK;
}

bool Readable(const char* path)
{
  return std::ifstream(path, std::ios::binary).good();
}

template <typename Reader>
mpinn_status ReadXML(mpinn_context* context, const char* path, mpinn_subject** subject)
{
  if (!Readable(path))
  {
    return mpinn_cli_fail(context, MPINN_ERROR_FILE, path, std::strerror(errno));
  }
  vtkNew<FirstError> error;
  vtkNew<Reader> reader;
  Observe(reader, error);
  reader->SetReaderErrorObserver(error);
  reader->SetParserErrorObserver(error);
  reader->SetFileName(path);
  reader->Update();
  return Take(context, path, reader->GetOutput(), error, subject);
}

mpinn_status ReadLegacy(mpinn_context* context, const char* path, mpinn_subject** subject)
{
  if (!Readable(path))
  {
    return mpinn_cli_fail(context, MPINN_ERROR_FILE, path, std::strerror(errno));
  }
  vtkNew<FirstError> error;
  vtkNew<vtkDataSetReader> reader;
  Observe(reader, error);
  reader->SetFileName(path);
  reader->ReadAllScalarsOn();
  reader->ReadAllVectorsOn();
  reader->ReadAllFieldsOn();
  reader->Update();
  return Take(context, path, reader->GetOutput(), error, subject);
}

template <typename Writer, typename Data>
mpinn_status WriteXML(mpinn_context* context, const char* path, const mpinn_subject* subject)
{
  vtkNew<Data> data;
  vtkMetapinnConvert::CopyMesh(subject, data);
  vtkMetapinnConvert::CopyArrays(subject, data);
  vtkNew<FirstError> error;
  vtkNew<Writer> writer;
  Observe(writer, error);
  // Neither ASCII, which ParaView reads as an empty mesh where it holds a NaN, nor appended, which
  // an up-to-date libexpat1 does not let it read.
  writer->SetDataModeToBinary();
  writer->SetCompressorTypeToZLib();
  writer->SetFileName(path);
  writer->SetInputData(data);
  if (!writer->Write() || writer->GetErrorCode() != 0)
  {
    const std::string reason =
      error->Text.empty() ? "it cannot be written" : Shortened(error->Text);
    return mpinn_cli_fail(context, MPINN_ERROR_FILE, path, reason.c_str());
  }
  return MPINN_OK;
}

mpinn_status WriteSurface(mpinn_context* context, const char* path, const mpinn_subject* subject)
{
  if (mpinn_mesh_cell_type(mpinn_subject_mesh(subject)) != MPINN_TRIANGLE)
  {
    return mpinn_cli_fail(context, MPINN_ERROR_ARGUMENT, path,
      "a VTP file holds a surface, and this is a mesh of tetrahedra: name a .vtu file");
  }
  return WriteXML<vtkXMLPolyDataWriter, vtkPolyData>(context, path, subject);
}
}

//------------------------------------------------------------------------------
const mpinn_cli_format* vtkMetapinnFileFormats(std::size_t& count)
{
  static const mpinn_cli_format formats[] = {
    { ".vtu", "VTK unstructured grid: tetrahedra, or triangles",
      ReadXML<vtkXMLUnstructuredGridReader>,
      WriteXML<vtkXMLUnstructuredGridWriter, vtkUnstructuredGrid> },
    { ".vtp", "VTK polygonal data: triangles", ReadXML<vtkXMLPolyDataReader>, WriteSurface },
    { ".vtk", "legacy VTK file", ReadLegacy, nullptr },
  };
  count = sizeof formats / sizeof *formats;
  return formats;
}
