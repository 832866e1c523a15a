// vtkMetapinnWhatIf: the core's answer on VTK's data, its errors, and its life in a pipeline.
#include "MetapinnTesting.h"

#include "vtkMetapinnConvert.h"
#include "vtkMetapinnWhatIf.h"

#include "vtkCellData.h"
#include "vtkDoubleArray.h"
#include "vtkFieldData.h"
#include "vtkFloatArray.h"
#include "vtkPointData.h"
#include "vtkStringArray.h"

#include "metapinn/what_if.h"

#include <cmath>
#include <cstdlib>
#include <sstream>

using namespace MetapinnTesting;

namespace
{
/** A block, 40 mm long unless it is told, whose points have CV and whose cells have another. */
vtkSmartPointer<vtkUnstructuredGrid> Heart(int nodes = 5)
{
  auto block = Block(nodes);
  vtkNew<vtkFloatArray> onPoints;
  onPoints->SetName("CV");
  onPoints->SetNumberOfValues(block->GetNumberOfPoints());
  onPoints->FillValue(0.5f);
  vtkNew<vtkDoubleArray> onCells;
  onCells->SetName("CV");
  onCells->SetNumberOfValues(block->GetNumberOfCells());
  onCells->FillValue(0.25);
  block->GetPointData()->AddArray(onPoints);
  block->GetCellData()->AddArray(onCells);
  return block;
}

vtkDataArray* Times(vtkMetapinnWhatIf* filter)
{
  return filter->GetOutput()->GetPointData()->GetArray("AT_whatif");
}

std::string FieldText(vtkMetapinnWhatIf* filter, const char* name)
{
  auto* text =
    vtkStringArray::SafeDownCast(filter->GetOutput()->GetFieldData()->GetAbstractArray(name));
  return text ? text->GetValue(0) : "";
}

bool AnswersAreTheCores()
{
  auto heart = Heart(7);
  vtkNew<vtkMetapinnWhatIf> filter;
  filter->SetInputData(heart);
  filter->SetOrigin(1, 2, 3);
  filter->SetOnset(5);
  filter->AddSite(50, 50, 50, 20);
  filter->UseRegionOn();
  filter->SetRegionCenter(30, 30, 30);
  filter->SetRegionRadius(15);
  filter->SetRegionVelocity(0.1);
  filter->AddRegion(10, 40, 10, 12, 0.2);
  filter->Update();

  mpinn_context* context = nullptr;
  mpinn_context_create(nullptr, &context);
  mpinn_subject* subject = nullptr;
  vtkMetapinnConvert::Cells cells;
  std::string error;
  vtkMetapinnConvert::ToSubject(
    context, heart, "heart", vtkMetapinnConvert::AnyArray, &subject, cells, error);
  const mpinn_site sites[] = { { { 1, 2, 3 }, 5 }, { { 50, 50, 50 }, 20 } };
  const mpinn_what_if_region regions[] = { { { 30, 30, 30 }, 15, 0.1 },
    { { 10, 40, 10 }, 12, 0.2 } };
  mpinn_what_if_options options;
  mpinn_what_if_options_default(&options);
  options.n_sites = options.n_regions = 2;
  options.sites = sites;
  options.regions = regions;
  bool same = mpinn_what_if(context, subject, &options) == MPINN_OK;
  for (const char* name : { "AT_whatif", "CV_whatif" })
  {
    const mpinn_array* expected = same ? mpinn_subject_find(subject, name, MPINN_NODES) : nullptr;
    vtkDataArray* found = filter->GetOutput()->GetPointData()->GetArray(name);
    for (vtkIdType i = 0; same && i < heart->GetNumberOfPoints(); ++i)
    {
      same = found && found->GetTuple1(i) == mpinn_array_get(expected, static_cast<size_t>(i), 0);
    }
  }
  for (const char* key : { "metapinn_what_if_origin", "metapinn_what_if_regions" })
  {
    same = same && FieldText(filter, key) == mpinn_subject_get_text(subject, key);
  }
  mpinn_subject_destroy(&subject);
  mpinn_context_destroy(&context);
  CHECK(same);
  double range[2];
  Times(filter)->GetRange(range);
  CHECK(filter->GetLastActivation() == range[1] && filter->GetSeconds() > 0);
  // The heart is as it came.
  CHECK(filter->GetOutput()->GetPoints() == heart->GetPoints());
  CHECK(
    filter->GetOutput()->GetPointData()->GetArray("CV") == heart->GetPointData()->GetArray("CV"));
  CHECK(!heart->GetPointData()->GetArray("AT_whatif"));
  return true;
}

bool VelocityIsOfPointsOrOfCells()
{
  // Beside the tetrahedra a triangle, which is none of the wall's cells.
  auto heart = Heart();
  const vtkIdType corners[3] = { 0, 1, 5 };
  heart->InsertNextCell(VTK_TRIANGLE, 3, corners);
  auto* ofCells = vtkDoubleArray::SafeDownCast(heart->GetCellData()->GetArray("CV"));
  ofCells->InsertNextValue(9);
  const vtkIdType far = heart->FindPoint(40, 0, 0);
  vtkNew<vtkMetapinnWhatIf> filter;
  filter->SetInputData(heart);
  filter->Update();
  CHECK(std::abs(Times(filter)->GetTuple1(far) - 40 / 0.5) < 1e-3);
  CHECK(!filter->GetOutput()->GetCellData()->GetArray("CV_whatif"));
  ofCells->SetName("CV of cells");
  filter->SetVelocityArray("CV of cells");
  filter->AddRegion(40, 40, 40, 15, 0.1);
  filter->Update();
  CHECK(std::abs(Times(filter)->GetTuple1(far) - 40 / 0.25) < 1e-3);
  CHECK(!filter->GetOutput()->GetPointData()->GetArray("CV_whatif"));
  vtkDataArray* used = filter->GetOutput()->GetCellData()->GetArray("CV_whatif");
  CHECK(used && used->GetNumberOfTuples() == heart->GetNumberOfCells());
  CHECK(std::isnan(used->GetTuple1(heart->GetNumberOfCells() - 1)));
  double range[2];
  used->GetFiniteRange(range);
  CHECK(std::abs(range[0] - 0.1) < 1e-6 && std::abs(range[1] - 0.25) < 1e-6);
  return true;
}

bool ASlowRegionDelaysWhatLiesBehindIt()
{
  auto heart = Heart();
  const vtkIdType center = heart->FindPoint(20, 20, 20), origin = heart->FindPoint(0, 0, 0);
  vtkNew<vtkMetapinnWhatIf> filter;
  filter->SetInputData(heart);
  filter->Update();
  const double before = Times(filter)->GetTuple1(center);
  filter->UseRegionOn();
  filter->SetRegionCenter(20, 20, 20);
  filter->SetRegionRadius(5);
  filter->Update();
  CHECK(Times(filter)->GetTuple1(center) > before + 10);
  CHECK(Times(filter)->GetTuple1(origin) == 0);
  filter->SetOrigin(20, 20, 20);
  filter->Update();
  CHECK(Times(filter)->GetTuple1(center) == 0 && Times(filter)->GetTuple1(origin) > 0);
  return true;
}

bool NothingIsLeftOfAnEarlierQuestion()
{
  vtkNew<vtkMetapinnWhatIf> first, second;
  auto heart = Heart();
  heart->GetCellData()->GetArray("CV")->SetName("CV of cells");
  first->SetInputData(heart);
  first->SetVelocityArray("CV of cells");
  first->AddRegion(20, 20, 20, 15, 0.1);
  first->SetOrigin(20, 20, 60);
  second->SetInputConnection(first->GetOutputPort());
  second->Update();
  CHECK(!FieldText(first, "metapinn_what_if_regions").empty());
  CHECK(!FieldText(first, "Notice_whatif").empty());
  CHECK(FieldText(second, "metapinn_what_if_regions").empty());
  CHECK(FieldText(second, "Notice_whatif").empty());
  CHECK(second->GetOutput()->GetPointData()->GetArray("CV_whatif"));
  CHECK(!second->GetOutput()->GetCellData()->GetArray("CV_whatif"));
  return true;
}

bool ASiteOutsideIsMovedAndSaid()
{
  vtkNew<vtkMetapinnWhatIf> filter;
  Listener heard(filter);
  auto heart = Heart();
  filter->SetInputData(heart);
  filter->SetOrigin(20, 20, 65);
  filter->Update();
  CHECK(Times(filter)->GetTuple1(heart->FindPoint(20, 20, 40)) == 0);
  CHECK(
    Has(filter->GetNotes(), "25 mm outside") && Has(FieldText(filter, "Notice_whatif"), "25 mm"));
  // Which is not a warning: ParaView would open its message window at every drag of the mouse.
  CHECK(heard.Warning().empty() && heard.Error().empty());
  filter->SetOrigin(20, 20, 40);
  filter->Update();
  CHECK(std::string(filter->GetNotes()).empty() && FieldText(filter, "Notice_whatif").empty());
  return true;
}

bool ErrorsAreOneSentence()
{
  vtkNew<vtkMetapinnWhatIf> filter;
  Listener heard(filter);
  auto heart = Heart();
  filter->SetInputData(Block());
  filter->Update();
  CHECK(Has(heard.Error(), "no node or cell array 'CV'"));
  CHECK(filter->GetOutput()->GetNumberOfPoints() == 0);

  filter->SetInputData(heart);
  filter->SetOrigin(0, 0, 500);
  filter->Update();
  CHECK(Has(heard.Error(), "Site of origin 0"));
  filter->SetOrigin(0, 0, 0);
  filter->UseRegionOn();
  filter->SetRegionRadius(0);
  filter->Update();
  CHECK(Has(heard.Error(), "radius 0 mm"));
  filter->SetRegionRadius(1);
  filter->SetRegionVelocity(-0.5);
  filter->Update();
  CHECK(Has(heard.Error(), "-0.5 m/s"));
  filter->SetRegionVelocity(0.1);
  filter->SetRegionCenter(5, 5, 5);
  filter->Update();
  CHECK(Has(heard.Error(), "none of the heart"));
  filter->UseRegionOff();

  auto broken = Heart();
  broken->GetPointData()->GetArray("CV")->SetTuple1(7, std::nan(""));
  filter->SetInputData(broken);
  filter->Update();
  CHECK(Has(heard.Error(), "node 7"));
  vtkNew<vtkUnstructuredGrid> nothing;
  filter->SetInputData(nothing);
  filter->Update();
  CHECK(Has(heard.Error(), "no points"));

  filter->SetInputData(heart);
  filter->Update();
  CHECK(heard.Error().empty() && Times(filter));
  return true;
}

bool ItRunsOnlyWhenSomethingChanged()
{
  vtkNew<vtkMetapinnWhatIf> filter;
  Counter count(filter);
  filter->SetInputData(Heart());
  filter->Update();
  const vtkMTimeType before = filter->GetMTime();
  filter->SetOrigin(0, 0, 0);
  filter->SetRegionRadius(filter->GetRegionRadius());
  filter->ClearSites();
  filter->ClearRegions();
  filter->Update();
  CHECK(filter->GetMTime() == before && count.Executions == 1);
  filter->AddSite(40, 40, 40);
  filter->Update();
  CHECK(count.Executions == 2 && filter->GetNumberOfSites() == 1);
  std::ostringstream text;
  filter->Print(text);
  CHECK(Has(text.str(), "RegionVelocity: 0.1"));
  return true;
}

bool AnAbortEndsOneRunOnly()
{
  vtkNew<vtkMetapinnWhatIf> filter;
  Listener heard(filter);
  filter->SetInputData(Heart(40));
  Aborter aborter(filter);
  filter->Update();
  CHECK(heard.Error().empty() && filter->GetOutput()->GetNumberOfPoints() == 0);
  aborter.LetGo();
  filter->SetOrigin(0, 0, 10);
  filter->Update();
  CHECK(heard.Error().empty() && Times(filter));
  return true;
}
}

int TestMetapinnWhatIf(int, char*[])
{
  return AnswersAreTheCores() && VelocityIsOfPointsOrOfCells() &&
      ASlowRegionDelaysWhatLiesBehindIt() && NothingIsLeftOfAnEarlierQuestion() &&
      ASiteOutsideIsMovedAndSaid() && ErrorsAreOneSentence() && ItRunsOnlyWhenSomethingChanged() &&
      AnAbortEndsOneRunOnly()
    ? EXIT_SUCCESS
    : EXIT_FAILURE;
}
