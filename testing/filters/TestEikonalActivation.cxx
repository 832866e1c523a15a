// vtkEikonalActivation: the core's answer on VTK's data, its errors, and its life in a pipeline.
#include "MetapinnTesting.h"

#include "vtkEikonalActivation.h"
#include "vtkMetapinnConvert.h"

#include "vtkCellData.h"
#include "vtkDoubleArray.h"
#include "vtkFloatArray.h"
#include "vtkMultiBlockDataSet.h"
#include "vtkPointData.h"
#include "vtkPoints.h"
#include "vtkPolyData.h"

#include "metapinn/eikonal.h"

#include <cmath>
#include <cstdlib>
#include <sstream>

using namespace MetapinnTesting;

namespace
{
vtkDataArray* Times(vtkEikonalActivation* filter, const char* name = "AT")
{
  return filter->GetOutput()->GetPointData()->GetArray(name);
}

bool TimesAreTheCores()
{
  auto block = Block(7);
  vtkNew<vtkEikonalActivation> filter;
  filter->SetInputData(block);
  filter->AddSite(1, 2, 3, 5);
  filter->SetConductionVelocity(0.5);
  filter->Update();
  CHECK(Times(filter) && filter->GetSeconds() > 0);
  CHECK(filter->GetOutput()->GetPoints() == block->GetPoints());

  mpinn_context* context = nullptr;
  mpinn_context_create(nullptr, &context);
  mpinn_subject* subject = nullptr;
  vtkMetapinnConvert::Cells cells;
  std::string error;
  vtkMetapinnConvert::ToSubject(
    context, block, "block", vtkMetapinnConvert::AnyArray, &subject, cells, error);
  mpinn_velocity velocity;
  mpinn_velocity_default(&velocity);
  velocity.uniform = 0.5;
  mpinn_eikonal* solver = nullptr;
  const mpinn_site site = { { 1, 2, 3 }, 5 };
  std::vector<float> at(static_cast<size_t>(block->GetNumberOfPoints()));
  const bool solved =
    mpinn_eikonal_create(context, mpinn_subject_mesh(subject), &velocity, &solver) == MPINN_OK &&
    mpinn_eikonal_solve(context, solver, 1, &site, at.data()) == MPINN_OK;
  mpinn_eikonal_destroy(&solver);
  mpinn_subject_destroy(&subject);
  mpinn_context_destroy(&context);
  CHECK(solved);
  for (vtkIdType i = 0; i < block->GetNumberOfPoints(); ++i)
  {
    CHECK(Times(filter)->GetTuple1(i) == at[static_cast<size_t>(i)]);
  }
  return true;
}

bool ArraysOfNodesAndOfCellsGiveTheSameUniformSpeed()
{
  auto block = Block();
  vtkNew<vtkFloatArray> onNodes;
  onNodes->SetName("speed");
  onNodes->SetNumberOfValues(block->GetNumberOfPoints());
  onNodes->FillValue(0.3f);
  vtkNew<vtkDoubleArray> onCells;
  onCells->SetName("cellspeed");
  onCells->SetNumberOfValues(block->GetNumberOfCells());
  onCells->FillValue(0.3);
  block->GetPointData()->AddArray(onNodes);
  block->GetCellData()->AddArray(onCells);
  vtkNew<vtkEikonalActivation> uniform, nodes, cells;
  for (vtkEikonalActivation* filter : { uniform.Get(), nodes.Get(), cells.Get() })
  {
    filter->SetInputData(block);
    filter->AddSite(0, 0, 0);
  }
  uniform->SetConductionVelocity(0.3f);
  nodes->SetVelocityMode(vtkEikonalActivation::VELOCITY_ARRAY);
  nodes->SetInputArrayToProcess(0, 0, 0, vtkDataObject::FIELD_ASSOCIATION_POINTS, "speed");
  cells->SetVelocityMode(vtkEikonalActivation::VELOCITY_ARRAY);
  cells->SetInputArrayToProcess(0, 0, 0, vtkDataObject::FIELD_ASSOCIATION_CELLS, "cellspeed");
  uniform->Update();
  nodes->Update();
  cells->Update();
  for (vtkIdType i = 0; i < block->GetNumberOfPoints(); ++i)
  {
    const double expected = Times(uniform)->GetTuple1(i);
    CHECK(std::abs(Times(nodes)->GetTuple1(i) - expected) < 1e-3);
    CHECK(std::abs(Times(cells)->GetTuple1(i) - expected) < 1e-3);
  }
  CHECK(cells->GetOutput()->GetPointData()->GetArray("speed") == onNodes);
  return true;
}

bool FibresLeadTheFront()
{
  auto block = Block();
  vtkNew<vtkFloatArray> fibre;
  fibre->SetName("fibre");
  fibre->SetNumberOfComponents(3);
  fibre->SetNumberOfTuples(block->GetNumberOfPoints());
  for (vtkIdType i = 0; i < block->GetNumberOfPoints(); ++i)
  {
    fibre->SetTuple3(i, 2, 0, 0);
  }
  block->GetPointData()->AddArray(fibre);
  vtkNew<vtkEikonalActivation> filter;
  filter->SetInputData(block);
  filter->AddSite(0, 0, 0);
  filter->SetVelocityMode(vtkEikonalActivation::VELOCITY_FIBRES);
  filter->SetAxesVelocities(0.8, 0.2, 0.2);
  filter->SetInputArrayToProcess(1, 0, 0, vtkDataObject::FIELD_ASSOCIATION_POINTS, "fibre");
  filter->Update();
  const vtkIdType alongX = block->FindPoint(40, 0, 0), alongY = block->FindPoint(0, 40, 0);
  CHECK(std::abs(Times(filter)->GetTuple1(alongX) - 40 / 0.8) < 1);
  CHECK(std::abs(Times(filter)->GetTuple1(alongY) - 40 / 0.2) < 4);
  return true;
}

bool PointsOfTheSecondInputStartWithTheirOnsets()
{
  auto block = Block();
  vtkNew<vtkPoints> points;
  points->InsertNextPoint(0, 0, 0);
  points->InsertNextPoint(40, 40, 40);
  vtkNew<vtkPolyData> origins;
  origins->SetPoints(points);
  vtkNew<vtkDoubleArray> onset;
  onset->SetName("onset");
  onset->InsertNextValue(-10);
  onset->InsertNextValue(20);
  origins->GetPointData()->AddArray(onset);
  vtkNew<vtkMultiBlockDataSet> blocks;
  blocks->SetBlock(0, origins);
  vtkNew<vtkEikonalActivation> filter;
  filter->SetInputData(0, block);
  filter->SetInputData(1, blocks);
  filter->SetOnsetArray("onset");
  filter->SetOutputArrayName("LAT");
  filter->Update();
  CHECK(Times(filter, "LAT"));
  CHECK(Times(filter, "LAT")->GetTuple1(block->FindPoint(0, 0, 0)) == -10);
  CHECK(Times(filter, "LAT")->GetTuple1(block->FindPoint(40, 40, 40)) == 20);
  return true;
}

bool ErrorsAreOneSentence()
{
  vtkNew<vtkEikonalActivation> filter;
  Listener heard(filter);
  auto block = Block();
  filter->SetInputData(block);
  filter->Update();
  CHECK(Has(heard.Error(), "No site of origin"));
  CHECK(filter->GetOutput()->GetNumberOfPoints() == 0);

  filter->AddSite(0, 0, 0);
  filter->SetConductionVelocity(-1);
  filter->Update();
  CHECK(!heard.Error().empty());
  filter->SetConductionVelocity(0.6);

  filter->SetVelocityMode(vtkEikonalActivation::VELOCITY_ARRAY);
  filter->Update();
  CHECK(Has(heard.Error(), "No conduction velocity is chosen"));

  filter->SetVelocityMode(vtkEikonalActivation::VELOCITY_FIBRES);
  filter->Update();
  CHECK(Has(heard.Error(), "No fibres are chosen"));
  filter->SetVelocityMode(vtkEikonalActivation::VELOCITY_UNIFORM);

  vtkNew<vtkUnstructuredGrid> nothing;
  filter->SetInputData(nothing);
  filter->Update();
  CHECK(Has(heard.Error(), "no points"));

  filter->SetInputData(block);
  filter->Update();
  CHECK(heard.Error().empty() && Times(filter));
  return true;
}

bool ItRunsOnlyWhenSomethingChanged()
{
  vtkNew<vtkEikonalActivation> filter;
  Counter count(filter);
  filter->SetInputData(Block());
  filter->AddSite(0, 0, 0);
  filter->Update();
  filter->Update();
  const vtkMTimeType before = filter->GetMTime();
  filter->SetConductionVelocity(filter->GetConductionVelocity());
  filter->SetOutputArrayName("AT");
  filter->SetNumberOfThreads(-5); // clamped to what it is
  filter->Update();
  CHECK(filter->GetMTime() == before && count.Executions == 1);
  filter->SetConductionVelocity(0.7);
  filter->Update();
  CHECK(filter->GetMTime() > before && count.Executions == 2);
  std::ostringstream text;
  filter->Print(text);
  CHECK(Has(text.str(), "ConductionVelocity: 0.7"));
  return true;
}

bool AnAbortEndsOneRunOnly()
{
  vtkNew<vtkEikonalActivation> filter;
  Listener heard(filter);
  filter->SetInputData(Block(40));
  filter->AddSite(0, 0, 0);
  Aborter aborter(filter);
  filter->Update();
  CHECK(heard.Error().empty() && filter->GetOutput()->GetNumberOfPoints() == 0);
  aborter.LetGo();
  filter->SetConductionVelocity(0.5);
  filter->Update();
  CHECK(heard.Error().empty() && Times(filter));
  return true;
}
}

int TestEikonalActivation(int, char*[])
{
  return TimesAreTheCores() && ArraysOfNodesAndOfCellsGiveTheSameUniformSpeed() &&
      FibresLeadTheFront() && PointsOfTheSecondInputStartWithTheirOnsets() &&
      ErrorsAreOneSentence() && ItRunsOnlyWhenSomethingChanged() && AnAbortEndsOneRunOnly()
    ? EXIT_SUCCESS
    : EXIT_FAILURE;
}
