// Data sets of VTK to subjects of the core and back.
#include "MetapinnTesting.h"

#include "vtkMetapinnConvert.h"

#include "vtkCellArray.h"
#include "vtkCellData.h"
#include "vtkDoubleArray.h"
#include "vtkFieldData.h"
#include "vtkFloatArray.h"
#include "vtkIdTypeArray.h"
#include "vtkIntArray.h"
#include "vtkPlaneSource.h"
#include "vtkPointData.h"
#include "vtkPoints.h"
#include "vtkPolyData.h"
#include "vtkStringArray.h"
#include "vtkStripper.h"
#include "vtkTriangleFilter.h"

#include <cmath>
#include <cstdlib>
#include <limits>

using namespace MetapinnTesting;

namespace
{
/** A conversion with all that it gives, freed at the end. */
struct Conversion
{
  explicit Conversion(vtkDataObject* input)
  {
    mpinn_context_create(nullptr, &this->Context);
    this->Status = vtkMetapinnConvert::ToSubject(this->Context, input, "heart",
      vtkMetapinnConvert::AnyArray, &this->Subject, this->Cells, this->Error);
  }
  ~Conversion()
  {
    mpinn_subject_destroy(&this->Subject);
    mpinn_context_destroy(&this->Context);
  }
  const mpinn_mesh* Mesh() const { return mpinn_subject_mesh(this->Subject); }

  mpinn_context* Context = nullptr;
  mpinn_subject* Subject = nullptr;
  mpinn_status Status;
  vtkMetapinnConvert::Cells Cells;
  std::string Error;
};

bool TetrahedraComeBackAsTheyWere()
{
  auto block = Block();
  vtkNew<vtkDoubleArray> map;
  map->SetName("AT_00");
  vtkNew<vtkIntArray> label;
  label->SetName("region");
  for (vtkIdType i = 0; i < block->GetNumberOfPoints(); ++i)
  {
    map->InsertNextValue(i % 3 ? 0.1 * i : std::nan(""));
  }
  for (vtkIdType c = 0; c < block->GetNumberOfCells(); ++c)
  {
    label->InsertNextValue(static_cast<int>(c % 7));
  }
  block->GetPointData()->AddArray(map);
  block->GetCellData()->AddArray(label);
  vtkMetapinnConvert::SetText(block, "source", "a test");

  const Conversion there(block);
  CHECK(there.Status == MPINN_OK && there.Cells.Source.empty() && there.Cells.Notice.empty());
  vtkNew<vtkUnstructuredGrid> back;
  vtkMetapinnConvert::CopyMesh(there.Subject, back);
  vtkMetapinnConvert::CopyArrays(there.Subject, back);
  CHECK(back->GetNumberOfPoints() == block->GetNumberOfPoints());
  CHECK(back->GetNumberOfCells() == block->GetNumberOfCells());
  for (vtkIdType i = 0; i < back->GetNumberOfPoints(); ++i)
  {
    for (int j = 0; j < 3; ++j)
    {
      CHECK(back->GetPoint(i)[j] == block->GetPoint(i)[j]);
    }
    const double value = back->GetPointData()->GetArray("AT_00")->GetTuple1(i);
    CHECK(value == map->GetValue(i) || (std::isnan(value) && std::isnan(map->GetValue(i))));
  }
  for (vtkIdType c = 0; c < back->GetNumberOfCells(); ++c)
  {
    CHECK(back->GetCellType(c) == VTK_TETRA);
    CHECK(back->GetCellData()->GetArray("region")->GetTuple1(c) == label->GetValue(c));
  }
  auto* text = vtkStringArray::SafeDownCast(back->GetFieldData()->GetAbstractArray("source"));
  CHECK(text && text->GetValue(0) == "a test");
  CHECK(back->GetPointData()->GetArray("AT_00")->GetDataType() == VTK_DOUBLE);
  CHECK(back->GetCellData()->GetArray("region")->GetDataType() == VTK_INT);
  return true;
}

bool HexahedraAreCutAndSaidToBe()
{
  vtkNew<vtkPoints> points;
  for (int i = 0; i < 12; ++i)
  {
    points->InsertNextPoint(i % 2, i / 2 % 2, i / 4);
  }
  vtkNew<vtkUnstructuredGrid> grid;
  grid->SetPoints(points);
  const vtkIdType low[8] = { 0, 1, 3, 2, 4, 5, 7, 6 }, high[8] = { 4, 5, 7, 6, 8, 9, 11, 10 };
  grid->InsertNextCell(VTK_HEXAHEDRON, 8, low);
  grid->InsertNextCell(VTK_HEXAHEDRON, 8, high);
  vtkNew<vtkFloatArray> speed;
  speed->SetName("CV");
  speed->InsertNextValue(0.1f);
  speed->InsertNextValue(0.6f);
  grid->GetCellData()->AddArray(speed);

  const Conversion cut(grid);
  CHECK(cut.Status == MPINN_OK);
  CHECK(Has(cut.Cells.Notice, "cut into tetrahedra"));
  CHECK(mpinn_mesh_node_count(cut.Mesh()) == 12 && mpinn_mesh_cell_count(cut.Mesh()) >= 10);
  const mpinn_array* inherited = mpinn_subject_find(cut.Subject, "CV", MPINN_CELLS);
  for (size_t c = 0; c < mpinn_mesh_cell_count(cut.Mesh()); ++c)
  {
    double z = 0;
    for (int j = 0; j < 4; ++j)
    {
      z += mpinn_mesh_points(cut.Mesh())[3 * mpinn_mesh_cells(cut.Mesh())[4 * c + j] + 2] / 4;
    }
    CHECK(mpinn_array_get(inherited, c, 0) == (z < 1 ? 0.1f : 0.6f));
  }
  return true;
}

bool BoundaryTrianglesBesideTetrahedraAreLeftOut()
{
  vtkNew<vtkPoints> points;
  points->InsertNextPoint(0, 0, 0);
  points->InsertNextPoint(1, 0, 0);
  points->InsertNextPoint(0, 1, 0);
  points->InsertNextPoint(0, 0, 1);
  vtkNew<vtkUnstructuredGrid> grid;
  grid->SetPoints(points);
  const vtkIdType nodes[4] = { 0, 1, 2, 3 };
  grid->InsertNextCell(VTK_TRIANGLE, 3, nodes);
  grid->InsertNextCell(VTK_TETRA, 4, nodes);
  vtkNew<vtkIntArray> tag;
  tag->SetName("tag");
  tag->InsertNextValue(1);
  tag->InsertNextValue(2);
  grid->GetCellData()->AddArray(tag);
  const Conversion mixed(grid);
  CHECK(mixed.Status == MPINN_OK && mixed.Cells.Notice.empty());
  CHECK(mpinn_mesh_cell_type(mixed.Mesh()) == MPINN_TETRAHEDRON &&
    mpinn_mesh_cell_count(mixed.Mesh()) == 1);
  CHECK(mpinn_array_get(mpinn_subject_find(mixed.Subject, "tag", MPINN_CELLS), 0, 0) == 2);
  return true;
}

bool SurfacesOfTrianglesAndStrips()
{
  vtkNew<vtkPlaneSource> plane;
  plane->SetResolution(4, 4);
  vtkNew<vtkTriangleFilter> triangles;
  triangles->SetInputConnection(plane->GetOutputPort());
  triangles->Update();
  const Conversion surface(triangles->GetOutput());
  CHECK(surface.Status == MPINN_OK && surface.Cells.Notice.empty());
  CHECK(mpinn_mesh_cell_type(surface.Mesh()) == MPINN_TRIANGLE &&
    mpinn_mesh_cell_count(surface.Mesh()) == 32);
  vtkNew<vtkStripper> strips;
  strips->SetInputConnection(triangles->GetOutputPort());
  strips->Update();
  const Conversion stripped(strips->GetOutput());
  CHECK(stripped.Status == MPINN_OK && Has(stripped.Cells.Notice, "cut into triangles"));
  CHECK(mpinn_mesh_cell_count(stripped.Mesh()) == 32);
  vtkNew<vtkPolyData> back;
  vtkMetapinnConvert::CopyMesh(surface.Subject, back);
  CHECK(back->GetNumberOfPolys() == 32);
  return true;
}

bool UnusableMeshesAreExplained()
{
  vtkNew<vtkPlaneSource> plane;
  plane->SetResolution(2, 2);
  plane->Update();
  const Conversion quads(plane->GetOutput());
  CHECK(quads.Status == MPINN_ERROR_MESH && Has(quads.Error, "only quadrilaterals"));

  vtkNew<vtkUnstructuredGrid> quadGrid;
  quadGrid->SetPoints(plane->GetOutput()->GetPoints());
  quadGrid->SetCells(VTK_QUAD, plane->GetOutput()->GetPolys());
  const Conversion gridQuads(quadGrid);
  CHECK(gridQuads.Status == MPINN_ERROR_MESH && Has(gridQuads.Error, "only quadrilaterals"));

  vtkNew<vtkUnstructuredGrid> nothing;
  const Conversion empty(nothing);
  CHECK(empty.Status == MPINN_ERROR_MESH && Has(empty.Error, "no points") &&
    Has(empty.Error, "appended"));

  vtkNew<vtkUnstructuredGrid> cloud;
  cloud->SetPoints(plane->GetOutput()->GetPoints());
  const Conversion cells(cloud);
  CHECK(cells.Status == MPINN_ERROR_MESH && Has(cells.Error, "no cells"));

  auto broken = Block();
  broken->GetPoints()->SetPoint(7, 0, std::nan(""), 0);
  const Conversion coordinate(broken);
  CHECK(coordinate.Status == MPINN_ERROR_MESH && Has(coordinate.Error, "7"));

  auto wild = Block();
  auto* connectivity = wild->GetCells()->GetConnectivityArray();
  connectivity->SetTuple1(2, 1e6);
  const Conversion range(wild);
  CHECK(range.Status == MPINN_ERROR_MESH && Has(range.Error, "1000000"));

  vtkNew<vtkImageData> image;
  const Conversion other(image);
  CHECK(other.Status == MPINN_ERROR_MESH && Has(other.Error, "vtkImageData"));
  return true;
}

bool AnArrayOfTheWrongLengthIsNamed()
{
  auto block = Block();
  vtkNew<vtkFloatArray> map;
  map->SetName("AT_03");
  map->SetNumberOfValues(3);
  map->FillValue(1.0f);
  block->GetPointData()->AddArray(map);
  const Conversion conversion(block);
  CHECK(conversion.Status != MPINN_OK && Has(conversion.Error, "AT_03"));
  return true;
}
}

int TestMetapinnConvert(int, char*[])
{
  return TetrahedraComeBackAsTheyWere() && HexahedraAreCutAndSaidToBe() &&
      BoundaryTrianglesBesideTetrahedraAreLeftOut() && SurfacesOfTrianglesAndStrips() &&
      UnusableMeshesAreExplained() && AnArrayOfTheWrongLengthIsNamed()
    ? EXIT_SUCCESS
    : EXIT_FAILURE;
}
