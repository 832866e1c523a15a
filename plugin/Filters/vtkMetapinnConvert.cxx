/*=========================================================================

  Program:   Metapinn
  Module:    vtkMetapinnConvert.cxx

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
#include "vtkMetapinnConvert.h"

#include "vtkAlgorithm.h"
#include "vtkAlgorithmOutput.h"
#include "vtkAppendFilter.h"
#include "vtkCell.h"
#include "vtkCellArray.h"
#include "vtkCellData.h"
#include "vtkCommunicator.h"
#include "vtkCompositeDataIterator.h"
#include "vtkCompositeDataSet.h"
#include "vtkDataArray.h"
#include "vtkDataSetTriangleFilter.h"
#include "vtkDoubleArray.h"
#include "vtkFieldData.h"
#include "vtkFloatArray.h"
#include "vtkGenericCell.h"
#include "vtkIdList.h"
#include "vtkIdTypeArray.h"
#include "vtkIntArray.h"
#include "vtkMultiProcessController.h"
#include "vtkNew.h"
#include "vtkPointData.h"
#include "vtkPoints.h"
#include "vtkPolyData.h"
#include "vtkSmartPointer.h"
#include "vtkStringArray.h"
#include "vtkTriangleFilter.h"
#include "vtkUnsignedCharArray.h"
#include "vtkUnstructuredGrid.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>
#include <new>
#include <numeric>
#include <set>

namespace
{
const char* const SourceName = "metapinn_source_cell";

/** Connectivity and, cell by cell, what it came from. */
struct Simplices
{
  mpinn_cell_type Type = MPINN_TETRAHEDRON;
  std::vector<int32_t> Nodes;
  std::vector<vtkIdType> Source;
};

/** Gathers the cells of a vtkCellArray that are of one type. */
struct Gather
{
  template <typename CellState>
  void operator()(CellState& state, const unsigned char* types, unsigned char wanted,
    vtkIdType firstCell, Simplices& out)
  {
    const auto* offsets = state.GetOffsets()->GetPointer(0);
    const auto* nodes = state.GetConnectivity()->GetPointer(0);
    const vtkIdType cells = state.GetNumberOfCells();
    const int size = static_cast<int>(out.Type);
    out.Nodes.reserve(out.Nodes.size() + static_cast<size_t>(size * cells));
    out.Source.reserve(out.Source.size() + static_cast<size_t>(cells));
    for (vtkIdType c = 0; c < cells; ++c)
    {
      if ((types && types[c] != wanted) || offsets[c + 1] - offsets[c] != size)
      {
        continue;
      }
      for (int i = 0; i < size; ++i)
      {
        const auto node = nodes[offsets[c] + i];
        // An index that does not fit becomes one that the core refuses by its number.
        const bool fits = node >= 0 && node <= std::numeric_limits<int32_t>::max();
        out.Nodes.push_back(fits ? static_cast<int32_t>(node) : -1);
      }
      out.Source.push_back(firstCell + c);
    }
  }
};

int CellDimension(unsigned char type)
{
  vtkSmartPointer<vtkCell> cell;
  cell.TakeReference(vtkGenericCell::InstantiateCell(type));
  return cell ? cell->GetCellDimension() : 0;
}

/** The cells' own numbers as cell data, to be found again behind a filter that cuts cells. */
template <typename DataSet>
void Number(DataSet* copy, vtkIdType cells)
{
  vtkNew<vtkIdTypeArray> numbers;
  numbers->SetName(SourceName);
  numbers->SetNumberOfValues(cells);
  std::iota(numbers->GetPointer(0), numbers->GetPointer(0) + cells, vtkIdType(0));
  copy->GetCellData()->AddArray(numbers);
}

/** Replaces the gathered numbers of cut cells by the numbers of the cells that were cut. */
void TraceBack(vtkDataSet* cut, Simplices& out)
{
  auto* numbers = vtkIdTypeArray::SafeDownCast(cut->GetCellData()->GetArray(SourceName));
  for (vtkIdType& cell : out.Source)
  {
    cell = numbers->GetValue(cell);
  }
}

std::string CutNotice(const char* what, bool volume)
{
  const char* simplices = volume ? "tetrahedra" : "triangles";
  return std::string("The ") + what + " has cells other than linear " + simplices +
    ": for the computation they are cut into " + simplices + "; the output keeps them as they are.";
}

std::string OnlyQuadsSentence(const char* what)
{
  return std::string("The ") + what +
    " has neither tetrahedra nor triangles, only quadrilaterals or other polygons: a wall of "
    "tetrahedra or a surface of triangles is expected (the filter Triangulate makes triangles of "
    "them).";
}

/** Grids: tetrahedra if there is any volume, else triangles. */
bool GatherGrid(vtkUnstructuredGrid* grid, const char* what, Simplices& out, std::string& notice,
  std::string& error)
{
  bool volume = false, surface = false, triangles = false, others3 = false, others2 = false;
  vtkUnsignedCharArray* distinct = grid->GetDistinctCellTypesArray();
  for (vtkIdType i = 0; i < distinct->GetNumberOfValues(); ++i)
  {
    const unsigned char type = distinct->GetValue(i);
    const int dimension = CellDimension(type);
    volume |= dimension == 3;
    others3 |= dimension == 3 && type != VTK_TETRA;
    surface |= dimension == 2;
    triangles |= type == VTK_TRIANGLE;
    others2 |= dimension == 2 && type != VTK_TRIANGLE;
  }
  if (!volume && surface && !triangles)
  {
    error = OnlyQuadsSentence(what);
    return false;
  }
  out.Type = volume ? MPINN_TETRAHEDRON : MPINN_TRIANGLE;
  const unsigned char wanted = volume ? VTK_TETRA : VTK_TRIANGLE;
  if (volume ? !others3 : !others2)
  {
    const unsigned char* types = grid->GetCellTypesArray()->GetPointer(0);
    grid->GetCells()->Visit(Gather{}, types, wanted, 0, out);
    return true;
  }
  vtkNew<vtkUnstructuredGrid> copy;
  copy->CopyStructure(grid);
  Number(copy.Get(), grid->GetNumberOfCells());
  vtkNew<vtkDataSetTriangleFilter> cut;
  cut->SetTetrahedraOnly(volume);
  cut->SetInputData(copy);
  cut->Update();
  vtkUnstructuredGrid* simplices = cut->GetOutput();
  simplices->GetCells()->Visit(
    Gather{}, simplices->GetCellTypesArray()->GetPointer(0), wanted, 0, out);
  TraceBack(simplices, out);
  notice = CutNotice(what, volume);
  return true;
}

/** Surfaces: polygons; strips are cut. */
bool GatherSurface(
  vtkPolyData* surface, const char* what, Simplices& out, std::string& notice, std::string& error)
{
  out.Type = MPINN_TRIANGLE;
  const vtkIdType before = surface->GetNumberOfVerts() + surface->GetNumberOfLines();
  const vtkIdType polygons = surface->GetNumberOfPolys();
  if (polygons > 0)
  {
    surface->GetPolys()->Visit(
      Gather{}, static_cast<const unsigned char*>(nullptr), VTK_TRIANGLE, before, out);
  }
  const bool strips = surface->GetNumberOfStrips() > 0;
  if (!strips && static_cast<vtkIdType>(out.Source.size()) == polygons)
  {
    return true;
  }
  if (!strips && out.Source.empty())
  {
    error = OnlyQuadsSentence(what);
    return false;
  }
  out.Nodes.clear();
  out.Source.clear();
  vtkNew<vtkPolyData> copy;
  copy->CopyStructure(surface);
  Number(copy.Get(), surface->GetNumberOfCells());
  vtkNew<vtkTriangleFilter> cut;
  cut->PassVertsOff();
  cut->PassLinesOff();
  cut->SetInputData(copy);
  cut->Update();
  cut->GetOutput()->GetPolys()->Visit(
    Gather{}, static_cast<const unsigned char*>(nullptr), VTK_TRIANGLE, 0, out);
  TraceBack(cut->GetOutput(), out);
  notice = CutNotice(what, false);
  return true;
}

/** Coordinates as doubles; scratch holds them where they had to be copied. */
const double* AsDoubles(vtkDataArray* array, std::vector<double>& scratch)
{
  if (array->GetDataType() == VTK_DOUBLE && array->HasStandardMemoryLayout())
  {
    return static_cast<const double*>(array->GetVoidPointer(0));
  }
  scratch.resize(static_cast<size_t>(array->GetNumberOfValues()));
  if (auto* floats = vtkFloatArray::SafeDownCast(array))
  {
    std::copy_n(floats->GetPointer(0), scratch.size(), scratch.begin());
    return scratch.data();
  }
  vtkNew<vtkDoubleArray> copy;
  copy->DeepCopy(array);
  std::copy_n(copy->GetPointer(0), scratch.size(), scratch.begin());
  return scratch.data();
}

vtkIdType PointsOf(vtkDataObject* data)
{
  return data->GetNumberOfElements(vtkDataObject::POINT);
}

std::string EmptySentence(const char* what, const char* lacks)
{
  return std::string("The ") + what + " has no " + lacks +
    ": a mesh of tetrahedra or triangles is expected. Where it comes from a file, the reader could "
    "not read it: "
    "ParaView makes an empty mesh of a broken file and, with libexpat1 2.5.0-1+deb12u2 or later, "
    "of any file in "
    "appended mode (write it in binary mode, or open it with \"./run gui\", which reads it).";
}

/** The core's type for values of an array; others are converted. */
mpinn_type CoreType(vtkDataArray* array)
{
  switch (array->GetDataType())
  {
    case VTK_FLOAT:
      return MPINN_FLOAT32;
    case VTK_BIT:
    case VTK_CHAR:
    case VTK_SIGNED_CHAR:
    case VTK_UNSIGNED_CHAR:
    case VTK_SHORT:
    case VTK_UNSIGNED_SHORT:
    case VTK_INT:
      return MPINN_INT32;
    default:
      return MPINN_FLOAT64; // of 64-bit integers every one up to 2^53 is kept
  }
}

int VTKType(mpinn_type type)
{
  return type == MPINN_INT32 ? VTK_INT : type == MPINN_FLOAT32 ? VTK_FLOAT : VTK_DOUBLE;
}

/** The array itself, or a copy of it, of the core's type and with its values one after the other.
 */
vtkSmartPointer<vtkDataArray> Plain(vtkDataArray* array, mpinn_type type)
{
  if (array->GetDataType() == VTKType(type) && array->HasStandardMemoryLayout())
  {
    return array;
  }
  auto copy = vtk::TakeSmartPointer(vtkDataArray::CreateDataArray(VTKType(type)));
  copy->DeepCopy(array);
  copy->SetName(array->GetName());
  return copy;
}

/** Rows of cell data for the core's cells. */
vtkSmartPointer<vtkDataArray> Select(vtkDataArray* array, const std::vector<vtkIdType>& rows)
{
  auto chosen = vtk::TakeSmartPointer(array->NewInstance());
  chosen->SetName(array->GetName());
  chosen->SetNumberOfComponents(array->GetNumberOfComponents());
  chosen->SetNumberOfTuples(static_cast<vtkIdType>(rows.size()));
  vtkNew<vtkIdList> ids;
  ids->SetNumberOfIds(static_cast<vtkIdType>(rows.size()));
  std::copy(rows.begin(), rows.end(), ids->GetPointer(0));
  array->GetTuples(ids, chosen);
  return chosen;
}

mpinn_status AddArray(mpinn_context* context, vtkDataArray* array, mpinn_association association,
  const std::vector<vtkIdType>& rows, mpinn_subject* subject)
{
  const mpinn_type type = CoreType(array);
  vtkSmartPointer<vtkDataArray> plain = Plain(array, type);
  // An array of the wrong length goes as it is: the core says what is wrong with it.
  const vtkIdType highest = rows.empty() ? -1 : *std::max_element(rows.begin(), rows.end());
  if (association == MPINN_CELLS && highest >= 0 && highest < plain->GetNumberOfTuples())
  {
    plain = Select(plain, rows);
  }
  return mpinn_subject_add_array(context, subject, array->GetName(), association, type,
    static_cast<size_t>(plain->GetNumberOfTuples()),
    static_cast<size_t>(plain->GetNumberOfComponents()), plain->GetVoidPointer(0), nullptr);
}

mpinn_status AddArrays(mpinn_context* context, vtkFieldData* data, mpinn_association association,
  const vtkMetapinnConvert::ArrayChoice& wanted, const std::vector<vtkIdType>& rows,
  mpinn_subject* subject)
{
  for (int i = 0; i < data->GetNumberOfArrays(); ++i)
  {
    vtkAbstractArray* any = data->GetAbstractArray(i);
    auto* array = vtkDataArray::SafeDownCast(any);
    auto* texts = vtkStringArray::SafeDownCast(any);
    mpinn_status status = MPINN_OK;
    if (!any->GetName() || !*any->GetName() || !wanted(any->GetName()))
    {
      continue;
    }
    if (array && array->GetNumberOfComponents() > 0)
    {
      status = AddArray(context, array, association, rows, subject);
    }
    else if (texts && association == MPINN_FIELD && texts->GetNumberOfValues() == 1)
    {
      status = mpinn_subject_set_text(context, subject, any->GetName(), texts->GetValue(0).c_str());
    }
    if (status != MPINN_OK)
    {
      return status;
    }
  }
  return MPINN_OK;
}

mpinn_status AddAllArrays(mpinn_context* context, vtkDataSet* input, bool cells,
  const vtkMetapinnConvert::ArrayChoice& wanted, const std::vector<vtkIdType>& rows,
  mpinn_subject* subject)
{
  mpinn_status status = AddArrays(context, input->GetPointData(), MPINN_NODES, wanted, {}, subject);
  if (status == MPINN_OK && cells)
  {
    status = AddArrays(context, input->GetCellData(), MPINN_CELLS, wanted, rows, subject);
  }
  if (status == MPINN_OK)
  {
    status = AddArrays(context, input->GetFieldData(), MPINN_FIELD, wanted, {}, subject);
  }
  return status;
}

/** From the mesh, taken over where status says that there is one, to the subject with its arrays.
 */
mpinn_status Finish(mpinn_context* context, mpinn_status status, mpinn_mesh* mesh,
  vtkDataSet* input, bool cells, const char* what, const vtkMetapinnConvert::ArrayChoice& wanted,
  const std::vector<vtkIdType>& rows, mpinn_subject** subject, std::string& error)
{
  if (status == MPINN_OK)
  {
    status = mpinn_subject_create(context, &mesh, subject);
  }
  if (status == MPINN_OK)
  {
    status = AddAllArrays(context, input, cells, wanted, rows, *subject);
    if (status != MPINN_OK)
    {
      mpinn_subject_destroy(subject);
    }
  }
  if (status != MPINN_OK)
  {
    mpinn_mesh_destroy(&mesh);
    error = std::string("The ") + what + ": " + mpinn_context_error(context);
  }
  return status;
}
}

//------------------------------------------------------------------------------
bool vtkMetapinnConvert::AnyArray(const char*)
{
  return true;
}

//------------------------------------------------------------------------------
bool vtkMetapinnConvert::KnownArray(const char* name)
{
  static const std::set<std::string> known = { "surface_class", "segment", "transmural",
    "measured" };
  return known.count(name) > 0;
}

//------------------------------------------------------------------------------
std::vector<float> vtkMetapinnConvert::Floats(const mpinn_array* array)
{
  std::vector<float> values(array->rows * array->components);
  if (array->type == MPINN_FLOAT32)
  {
    std::copy_n(static_cast<const float*>(array->values), values.size(), values.begin());
  }
  else if (array->type == MPINN_FLOAT64)
  {
    std::copy_n(static_cast<const double*>(array->values), values.size(), values.begin());
  }
  else
  {
    std::copy_n(static_cast<const int32_t*>(array->values), values.size(), values.begin());
  }
  return values;
}

//------------------------------------------------------------------------------
vtkSmartPointer<vtkDataObject> vtkMetapinnConvert::Join(vtkDataObject* data)
{
  auto* composite = vtkCompositeDataSet::SafeDownCast(data);
  if (!composite)
  {
    return data;
  }
  std::vector<vtkDataSet*> blocks;
  auto iterator = vtk::TakeSmartPointer(composite->NewIterator());
  for (iterator->InitTraversal(); !iterator->IsDoneWithTraversal(); iterator->GoToNextItem())
  {
    auto* block = vtkPointSet::SafeDownCast(iterator->GetCurrentDataObject());
    if (block && block->GetNumberOfPoints() > 0)
    {
      blocks.push_back(block);
    }
  }
  if (blocks.size() == 1)
  {
    return blocks[0];
  }
  vtkNew<vtkAppendFilter> append;
  for (vtkDataSet* block : blocks)
  {
    append->AddInputData(block);
  }
  if (blocks.empty())
  {
    return vtkSmartPointer<vtkUnstructuredGrid>::New();
  }
  append->Update();
  return append->GetOutput();
}

//------------------------------------------------------------------------------
vtkMetapinnConvert::Share vtkMetapinnConvert::ShareOf(vtkAlgorithm* algorithm,
  vtkMultiProcessController* controller, vtkDataObject* heart, vtkDataObject* second,
  std::string& error)
{
  if (!controller || controller->GetNumberOfProcesses() < 2)
  {
    return Share::Whole;
  }
  vtkAlgorithmOutput* connection = algorithm->GetInputConnection(0, 0);
  vtkDataObject* whole =
    connection ? connection->GetProducer()->GetOutputDataObject(connection->GetIndex()) : nullptr;
  if (vtkCompositeDataSet::SafeDownCast(whole))
  {
    // Ranks may have different numbers of blocks: none of them can wait for the others here.
    error = "Composite data of several ranks cannot be taken apart: extract the block that is the "
            "heart first.";
    return Share::Spread;
  }
  const int has = PointsOf(heart) > 0, hasSecond = second && PointsOf(second) > 0;
  const int local[3] = { has, hasSecond, hasSecond && !has };
  int all[3] = { 0, 0, 0 };
  controller->AllReduce(local, all, 3, vtkCommunicator::SUM_OP);
  if (all[0] > 1 || all[1] > 1 || (all[0] > 0 && all[2] > 0))
  {
    error = "The heart and what goes with it are spread over several ranks, and a heart has to be "
            "whole: bring it "
            "together on one rank first, as a serial reader does, or run on one rank.";
    return Share::Spread;
  }
  // Where nobody has it, the first rank says so.
  return has || (all[0] == 0 && controller->GetLocalProcessId() == 0) ? Share::Whole
                                                                      : Share::Nothing;
}

//------------------------------------------------------------------------------
mpinn_status vtkMetapinnConvert::ToSubject(mpinn_context* context, vtkDataObject* input,
  const char* what, const ArrayChoice& wanted, mpinn_subject** subject, Cells& cells,
  std::string& error)
{
  auto* points = vtkPointSet::SafeDownCast(input);
  auto* grid = vtkUnstructuredGrid::SafeDownCast(input);
  auto* surface = vtkPolyData::SafeDownCast(input);
  error.clear();
  if (!grid && !surface)
  {
    error = std::string("The ") + what + " is a " +
      (input ? input->GetClassName() : "missing input") +
      ": an unstructured grid of tetrahedra or a surface of triangles is expected.";
    return MPINN_ERROR_MESH;
  }
  if (points->GetNumberOfPoints() == 0 || points->GetNumberOfCells() == 0)
  {
    error = EmptySentence(what, points->GetNumberOfPoints() == 0 ? "points" : "cells");
    return MPINN_ERROR_MESH;
  }
  Simplices simplices;
  if (grid ? !GatherGrid(grid, what, simplices, cells.Notice, error)
           : !GatherSurface(surface, what, simplices, cells.Notice, error))
  {
    return MPINN_ERROR_MESH;
  }
  const size_t simplexCount = simplices.Source.size();
  if (static_cast<vtkIdType>(simplexCount) != points->GetNumberOfCells() || !cells.Notice.empty())
  {
    cells.Source = std::move(simplices.Source);
  }
  std::vector<double> scratch;
  const double* coordinates = AsDoubles(points->GetPoints()->GetData(), scratch);
  mpinn_mesh* mesh = nullptr;
  const mpinn_status status =
    mpinn_mesh_create(context, simplices.Type, static_cast<size_t>(points->GetNumberOfPoints()),
      coordinates, simplexCount, simplices.Nodes.data(), &mesh);
  return Finish(context, status, mesh, points, true, what, wanted, cells.Source, subject, error);
}

//------------------------------------------------------------------------------
mpinn_status vtkMetapinnConvert::ToMeasuredSubject(mpinn_context* context, vtkDataObject* input,
  const char* what, const ArrayChoice& wanted, mpinn_subject** subject, std::string& error)
{
  auto* points = vtkPointSet::SafeDownCast(input);
  error.clear();
  if (!points)
  {
    error = std::string("The ") + what + " is a " +
      (input ? input->GetClassName() : "missing input") + ": points with the maps are expected.";
    return MPINN_ERROR_MESH;
  }
  if (points->GetNumberOfPoints() == 0)
  {
    error = EmptySentence(what, "points");
    return MPINN_ERROR_MESH;
  }
  vtkCellData* cellData = points->GetCellData();
  for (int i = 0; i < cellData->GetNumberOfArrays(); ++i)
  {
    const char* name = cellData->GetArrayName(i);
    if (name && wanted(name) && !KnownArray(name) && !points->GetPointData()->HasArray(name))
    {
      error = std::string("Activation map '") + name + "' of the " + what +
        " is cell data; expected point data (the filter Cell Data to Point Data makes it).";
      return MPINN_ERROR_MAP;
    }
  }
  std::vector<double> scratch;
  const double* coordinates = AsDoubles(points->GetPoints()->GetData(), scratch);
  mpinn_mesh* mesh = nullptr;
  const mpinn_status status = mpinn_mesh_create_points(
    context, static_cast<size_t>(points->GetNumberOfPoints()), coordinates, &mesh);
  return Finish(context, status, mesh, points, false, what, wanted, {}, subject, error);
}

//------------------------------------------------------------------------------
void vtkMetapinnConvert::CopyMesh(const mpinn_subject* subject, vtkPointSet* output)
{
  const mpinn_mesh* mesh = mpinn_subject_mesh(subject);
  const size_t nodes = mpinn_mesh_node_count(mesh), cells = mpinn_mesh_cell_count(mesh);
  const auto size = static_cast<size_t>(mpinn_mesh_cell_type(mesh));
  vtkNew<vtkPoints> points;
  points->SetDataTypeToDouble();
  points->SetNumberOfPoints(static_cast<vtkIdType>(nodes));
  std::copy_n(
    mpinn_mesh_points(mesh), 3 * nodes, static_cast<double*>(points->GetData()->GetVoidPointer(0)));
  output->SetPoints(points);

  vtkNew<vtkIdTypeArray> connectivity, offsets;
  connectivity->SetNumberOfValues(static_cast<vtkIdType>(size * cells));
  std::copy_n(mpinn_mesh_cells(mesh), size * cells, connectivity->GetPointer(0));
  offsets->SetNumberOfValues(static_cast<vtkIdType>(cells + 1));
  for (size_t c = 0; c <= cells; ++c)
  {
    offsets->GetPointer(0)[c] = static_cast<vtkIdType>(size * c);
  }
  vtkNew<vtkCellArray> simplices;
  simplices->SetData(offsets, connectivity);
  if (auto* grid = vtkUnstructuredGrid::SafeDownCast(output))
  {
    grid->SetCells(size == 4 ? VTK_TETRA : VTK_TRIANGLE, simplices);
  }
  else if (auto* surface = vtkPolyData::SafeDownCast(output))
  {
    surface->SetPolys(simplices);
  }
}

//------------------------------------------------------------------------------
vtkDataArray* vtkMetapinnConvert::NewArray(const mpinn_array* array)
{
  vtkDataArray* copy = vtkDataArray::CreateDataArray(VTKType(array->type));
  copy->SetName(array->name);
  copy->SetNumberOfComponents(static_cast<int>(array->components));
  copy->SetNumberOfTuples(static_cast<vtkIdType>(array->rows));
  const size_t values = array->rows * array->components;
  if (values > 0)
  {
    std::memcpy(copy->GetVoidPointer(0), array->values, values * copy->GetDataTypeSize());
  }
  return copy;
}

//------------------------------------------------------------------------------
void vtkMetapinnConvert::CopyArrays(const mpinn_subject* subject, vtkDataSet* output)
{
  for (size_t i = 0; i < mpinn_subject_array_count(subject); ++i)
  {
    const mpinn_array* array = mpinn_subject_array_at(subject, i);
    vtkFieldData* data = array->association == MPINN_NODES
      ? static_cast<vtkFieldData*>(output->GetPointData())
      : array->association == MPINN_CELLS ? static_cast<vtkFieldData*>(output->GetCellData())
                                          : output->GetFieldData();
    data->AddArray(vtk::TakeSmartPointer(NewArray(array)));
  }
  CopyTexts(subject, output);
}

//------------------------------------------------------------------------------
bool vtkMetapinnConvert::IsAnswerText(const char* name)
{
  return strncmp(name, "metapinn_", 9) == 0;
}

//------------------------------------------------------------------------------
void vtkMetapinnConvert::TakePointArray(
  const mpinn_subject* subject, const char* name, vtkDataSet* output)
{
  output->GetPointData()->RemoveArray(name);
  if (const mpinn_array* array = mpinn_subject_find(subject, name, MPINN_NODES))
  {
    output->GetPointData()->AddArray(vtk::TakeSmartPointer(NewArray(array)));
  }
}

//------------------------------------------------------------------------------
void vtkMetapinnConvert::TakeCellArray(
  const mpinn_subject* subject, const char* name, const Cells& cells, vtkDataSet* output)
{
  output->GetCellData()->RemoveArray(name);
  const mpinn_array* array = mpinn_subject_find(subject, name, MPINN_CELLS);
  if (!array)
  {
    return;
  }
  auto values = vtk::TakeSmartPointer(NewArray(array));
  if (!cells.Source.empty())
  {
    auto spread = vtk::TakeSmartPointer(values->NewInstance());
    spread->SetName(name);
    spread->SetNumberOfComponents(values->GetNumberOfComponents());
    spread->SetNumberOfTuples(output->GetNumberOfCells());
    spread->Fill(std::numeric_limits<double>::quiet_NaN());
    for (size_t i = 0; i < cells.Source.size(); ++i)
    {
      spread->SetTuple(cells.Source[i], static_cast<vtkIdType>(i), values);
    }
    values = spread;
  }
  output->GetCellData()->AddArray(values);
}

//------------------------------------------------------------------------------
void vtkMetapinnConvert::TakeAnswerTexts(const mpinn_subject* subject, vtkDataObject* output)
{
  vtkFieldData* data = output->GetFieldData();
  for (int i = data->GetNumberOfArrays() - 1; i >= 0; --i)
  {
    vtkAbstractArray* array = data->GetAbstractArray(i);
    if (array->GetName() && IsAnswerText(array->GetName()) && array->IsA("vtkStringArray"))
    {
      data->RemoveArray(i);
    }
  }
  CopyTexts(subject, output);
}

//------------------------------------------------------------------------------
std::string vtkMetapinnConvert::ShippedWeights()
{
  const char* chosen = std::getenv("METAPINN_MODEL");
  const std::string installed = METAPINN_INSTALLED_DATA_DIR "/" METAPINN_SHIPPED_WEIGHTS;
  if (chosen && *chosen)
  {
    return chosen;
  }
  return std::filesystem::exists(installed) ? installed
                                            : METAPINN_DATA_DIR "/" METAPINN_SHIPPED_WEIGHTS;
}

//------------------------------------------------------------------------------
void vtkMetapinnConvert::SetText(vtkDataObject* output, const char* name, const std::string& text)
{
  vtkNew<vtkStringArray> array;
  array->SetName(name);
  array->InsertNextValue(text);
  output->GetFieldData()->AddArray(array);
}

//------------------------------------------------------------------------------
void vtkMetapinnConvert::CopyTexts(const mpinn_subject* subject, vtkDataObject* output)
{
  for (size_t i = 0; i < mpinn_subject_text_count(subject); ++i)
  {
    const char *key = nullptr, *value = nullptr;
    mpinn_subject_text_at(subject, i, &key, &value);
    SetText(output, key, value);
  }
}

//------------------------------------------------------------------------------
vtkMetapinnRun::vtkMetapinnRun(vtkAlgorithm* algorithm, int threads)
  : Algorithm(algorithm)
{
  mpinn_context_options options;
  mpinn_context_options_default(&options);
  options.threads = threads;
  options.log = vtkMetapinnRun::Log;
  options.progress = vtkMetapinnRun::Progress;
  options.user = this;
  if (mpinn_context_create(&options, &this->Context) != MPINN_OK)
  {
    throw std::bad_alloc();
  }
}

//------------------------------------------------------------------------------
vtkMetapinnRun::~vtkMetapinnRun()
{
  mpinn_context_destroy(&this->Context);
}

//------------------------------------------------------------------------------
void vtkMetapinnRun::SetPart(double from, double to)
{
  this->From = from;
  this->To = to;
}

//------------------------------------------------------------------------------
void vtkMetapinnRun::Log(void* user, mpinn_log_level level, const char* message)
{
  auto* self = static_cast<vtkMetapinnRun*>(user);
  if (level == MPINN_LOG_WARNING && self->Notes)
  {
    *self->Notes += (self->Notes->empty() ? "" : ". ") + std::string(message);
  }
  else if (level == MPINN_LOG_WARNING)
  {
    vtkWarningWithObjectMacro(self->Algorithm, << message);
  }
  else
  {
    vtkDebugWithObjectMacro(self->Algorithm, << message);
  }
}

//------------------------------------------------------------------------------
bool vtkMetapinnRun::Progress(void* user, double fraction, const char* what)
{
  auto* self = static_cast<vtkMetapinnRun*>(user);
  self->Algorithm->SetProgressText(what);
  self->Algorithm->UpdateProgress(self->From + fraction * (self->To - self->From));
  // Not CheckAbort(), which marks the output as aborted: the next of the several updates that
  // ParaView asks for after one Apply would then start the whole computation again.
  return self->Algorithm->GetAbortExecute() != 0;
}
