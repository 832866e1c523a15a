// vtkCompareMethods: what the core's methods give on VTK's data, their scores, and what is said of
// those that fail. The environment variable METAPINN_MODEL names untrained weights of preset paper;
// the second argument those of preset any-heart.
#include "MetapinnTesting.h"

#include "vtkCompareMethods.h"
#include "vtkMetaPinnPersonalize.h"
#include "vtkPhantomHeartSource.h"

#include "vtkCallbackCommand.h"
#include "vtkCommand.h"
#include "vtkDataArraySelection.h"
#include "vtkFieldData.h"
#include "vtkFloatArray.h"
#include "vtkPointData.h"
#include "vtkPolyData.h"
#include "vtkStringArray.h"
#include "vtkTable.h"

#include "metapinn/metrics.h"

#include <cmath>
#include <cstdlib>
#include <sstream>

using namespace MetapinnTesting;

namespace
{
std::string AnyHeart;

/** A small phantom heart with four maps, made once. */
vtkPhantomHeartSource* Phantom()
{
  static vtkNew<vtkPhantomHeartSource> source;
  source->SetNumberOfNodes(600);
  source->SetNumberOfMaps(4);
  source->SetRefinements(0);
  source->Update();
  return source;
}

vtkSmartPointer<vtkUnstructuredGrid> Heart()
{
  auto heart = vtkSmartPointer<vtkUnstructuredGrid>::New();
  heart->DeepCopy(Phantom()->GetOutput());
  return heart;
}

/** Two context maps, a query and little effort; one thread, since the machine may have other work.
 */
void Choose(vtkCompareMethods* filter, const std::vector<const char*>& methods)
{
  filter->AddContextArray("AT_00");
  filter->AddContextArray("AT_01");
  filter->SetQueryArray("AT_02");
  filter->SetMaximumEvaluations(8);
  filter->SetMultiPINNSteps(4);
  filter->SetNumberOfThreads(1);
  filter->GetMethods()->DisableAllArrays();
  for (const char* method : methods)
  {
    filter->GetMethods()->EnableArray(method);
  }
}

vtkFloatArray* Result(vtkCompareMethods* filter, const char* name)
{
  return vtkFloatArray::SafeDownCast(filter->GetOutput()->GetPointData()->GetArray(name));
}

std::string FieldText(vtkCompareMethods* filter, const char* name)
{
  auto* text =
    vtkStringArray::SafeDownCast(filter->GetOutput()->GetFieldData()->GetAbstractArray(name));
  return text && text->GetNumberOfValues() ? text->GetValue(0) : "";
}

/** A number of the table; NaN where there is none. */
double Score(vtkCompareMethods* filter, vtkIdType row, const char* column)
{
  auto* values = vtkDataArray::SafeDownCast(filter->GetScores()->GetColumnByName(column));
  return values && row < values->GetNumberOfTuples() ? values->GetTuple1(row) : std::nan("");
}

std::string Method(vtkCompareMethods* filter, vtkIdType row)
{
  return filter->GetScores()->GetValueByName(row, "Method").ToString();
}

bool Same(vtkDataArray* a, vtkDataArray* b)
{
  CHECK(a && b && a->GetNumberOfTuples() == b->GetNumberOfTuples());
  for (vtkIdType i = 0; i < a->GetNumberOfTuples(); ++i)
  {
    CHECK(a->GetTuple1(i) == b->GetTuple1(i));
  }
  return true;
}

bool EveryMethodGivesFieldsAndARow()
{
  vtkNew<vtkCompareMethods> filter;
  Listener heard(filter);
  Choose(filter, {});
  filter->GetMethods()->EnableAllArrays();
  filter->SetOtherWeights(AnyHeart.c_str());
  filter->SetInputConnection(Phantom()->GetOutputPort());
  filter->SetTruthATArray("AT_02");
  filter->SetTruthCVArray("CV");
  filter->Update();
  CHECK(heard.Error().empty() && heard.Warning().empty());
  CHECK(filter->GetOutput()->IsA("vtkUnstructuredGrid"));
  CHECK(filter->GetOutput()->GetPoints() == Phantom()->GetOutput()->GetPoints());
  CHECK(filter->GetScores()->GetNumberOfRows() == 8);
  const char* suffixes[] = { "metaPINN", "eikonal", "other", "segments5", "segments18", "released",
    "multiPINN", "healthy" };
  vtkIdType row = 0;
  for (const std::string suffix : suffixes)
  {
    for (const char* field : { "AT_", "CV_", "PDEResidual_" })
    {
      CHECK(Result(filter, (field + suffix).c_str()));
      CHECK(std::isfinite(Result(filter, (field + suffix).c_str())->GetValue(7)));
    }
    CHECK(Score(filter, row, "Seconds") > 0 && Score(filter, row, "AT MAE (ms)") > 0);
    ++row;
  }
  CHECK(Method(filter, 1) == "meta-PINN, eikonal" && Method(filter, 7) == "healthy");
  CHECK(Score(filter, 0, "Eikonal solves") == 0 && Score(filter, 1, "Eikonal solves") > 0);
  CHECK(Score(filter, 4, "Optimizer steps") >= 1 && Score(filter, 6, "Optimizer steps") == 4);
  // Healthy tissue has no variation and no scar.
  CHECK(std::isnan(Score(filter, 7, "CV SCC")) && Score(filter, 7, "Scar Dice") == 0);
  CHECK(Result(filter, "CV_healthy")->GetFiniteRange(0)[0] == 0.6f);
  CHECK(FieldText(filter, "metapinn_compare_query") == "AT_02");
  CHECK(FieldText(filter, "metapinn_compare_context") == "AT_00, AT_01");
  CHECK(FieldText(filter, "metapinn_compare_weights_sha256").size() == 64);
  CHECK(FieldText(filter, "metapinn_compare_weights_sha256") !=
    FieldText(filter, "metapinn_compare_other_weights_sha256"));
  return true;
}

bool ScoresAreTheMetricsOfTheFields()
{
  vtkNew<vtkCompareMethods> filter;
  Choose(filter, { "physics-based (paper)" });
  filter->SetInputConnection(Phantom()->GetOutputPort());
  filter->SetTruthATArray("AT_02");
  filter->Update();
  CHECK(!filter->GetScores()->GetColumnByName("CV SCC"));
  vtkFloatArray* truth =
    vtkFloatArray::SafeDownCast(Phantom()->GetOutput()->GetPointData()->GetArray("AT_02"));
  vtkFloatArray* at = Result(filter, "AT_segments5");
  vtkFloatArray* residual = Result(filter, "PDEResidual_segments5");
  CHECK(truth && at && residual);
  const auto n = static_cast<size_t>(truth->GetNumberOfValues());
  const float *found = at->GetPointer(0), *known = truth->GetPointer(0);
  CHECK(Score(filter, 0, "AT SCC") == mpinn_scc(n, found, known));
  CHECK(Score(filter, 0, "AT relative RMSE") == mpinn_relative_rmse(n, found, known));
  CHECK(Score(filter, 0, "AT MAE (ms)") == mpinn_mean_absolute_error(n, found, known));
  CHECK(Score(filter, 0, "Residual mean square") == mpinn_mean_square(n, residual->GetPointer(0)));
  CHECK(Score(filter, 0, "AT SCC") > 0.8);
  return true;
}

bool TheNetworksAreThoseOfPersonalize()
{
  vtkNew<vtkMetaPinnPersonalize> twin;
  twin->SetInputConnection(Phantom()->GetOutputPort());
  twin->AddContextArray("AT_00");
  twin->AddContextArray("AT_01");
  twin->SetQueryArray("AT_02");
  twin->EikonalOn();
  twin->SetNumberOfThreads(1);
  twin->SetWeights(AnyHeart.c_str());
  twin->Update();
  vtkPointData* expected = twin->GetOutput()->GetPointData();
  vtkNew<vtkCompareMethods> filter;
  Choose(filter, { "meta-PINN", "meta-PINN, eikonal" });
  filter->SetInputConnection(Phantom()->GetOutputPort());
  filter->SetWeights(AnyHeart.c_str());
  filter->Update();
  CHECK(Same(Result(filter, "AT_metaPINN"), expected->GetArray("AT")));
  CHECK(Same(Result(filter, "CV_metaPINN"), expected->GetArray("CV")));
  CHECK(Same(Result(filter, "PDEResidual_metaPINN"), expected->GetArray("PDEResidual")));
  CHECK(Same(Result(filter, "AT_eikonal"), expected->GetArray("ATEikonal")));
  // And on an answered heart: a second comparison replaces the first.
  vtkNew<vtkCompareMethods> second;
  Choose(second, { "healthy" });
  second->SetInputConnection(filter->GetOutputPort());
  second->Update();
  CHECK(Result(second, "AT_healthy") && !Result(second, "AT_metaPINN"));
  CHECK(FieldText(second, "metapinn_compare_weights_sha256").empty());
  CHECK(FieldText(second, "metapinn_compare_methods") == "healthy");
  return true;
}

bool AMeasuredSurfaceCarriesTheMaps()
{
  vtkNew<vtkCompareMethods> filter;
  Listener heard(filter);
  Choose(filter, { "meta-PINN", "physics-based (released)" });
  filter->ClearContextArrays();
  filter->AddMeasuredContextArray("AT_00");
  filter->AddMeasuredContextArray("AT_01");
  filter->SetMeasuredQueryArray("AT_03");
  filter->SetInputData(0, Phantom()->GetOutput());
  filter->SetMeasuredConnection(Phantom()->GetOutputPort(1));
  filter->SetTruthATArray("AT_03");
  filter->Update();
  CHECK(heard.Error().empty() && heard.Warning().empty());
  CHECK(filter->GetScores()->GetNumberOfRows() == 2);
  CHECK(FieldText(filter, "metapinn_compare_query") == "AT_03");
  CHECK(Score(filter, 1, "AT SCC") > 0.8);
  return true;
}

bool AFitToTheWholeQueryIsAnother()
{
  vtkNew<vtkCompareMethods> filter;
  Choose(filter, { "physics-based (paper)", "healthy" });
  filter->SetInputConnection(Phantom()->GetOutputPort());
  filter->Update();
  vtkNew<vtkFloatArray> early, healthy;
  early->DeepCopy(Result(filter, "CV_segments5"));
  healthy->DeepCopy(Result(filter, "AT_healthy"));
  filter->SetFittedToWhole();
  filter->UseGivenOriginsOn();
  filter->SetTruthATArray("AT_02");
  filter->Update();
  CHECK(Result(filter, "CV_segments5") && early->GetNumberOfValues() > 0);
  bool differs = false, moved = false;
  for (vtkIdType i = 0; i < early->GetNumberOfValues(); ++i)
  {
    differs |= early->GetValue(i) != Result(filter, "CV_segments5")->GetValue(i);
    moved |= healthy->GetValue(i) != Result(filter, "AT_healthy")->GetValue(i);
  }
  CHECK(differs && moved);
  // A given site is not searched: one solve is all that it takes.
  CHECK(Score(filter, 1, "Eikonal solves") == 1);
  CHECK(Has(FieldText(filter, "metapinn_compare_fitted_to"), "whole"));
  CHECK(FieldText(filter, "metapinn_compare_origins") == "given");
  return true;
}

bool ASurfaceHasNoResidualOfSolutions()
{
  vtkNew<vtkCompareMethods> filter;
  Listener heard(filter);
  Choose(filter, { "meta-PINN", "healthy" });
  filter->SetInputConnection(Phantom()->GetOutputPort(1));
  filter->Update();
  CHECK(heard.Error().empty() && heard.Warning().empty());
  CHECK(filter->GetOutput()->IsA("vtkPolyData"));
  CHECK(Result(filter, "AT_healthy") && !Result(filter, "PDEResidual_healthy"));
  CHECK(Result(filter, "PDEResidual_metaPINN"));
  CHECK(std::isnan(Score(filter, 1, "Residual mean square")));
  return true;
}

bool AFailureLeavesTheOthers()
{
  auto heart = Heart();
  heart->GetPointData()->RemoveArray("segment");
  vtkNew<vtkCompareMethods> filter;
  Listener heard(filter);
  Choose(filter, { "physics-based (paper)", "physics-based (released)", "healthy" });
  filter->SetInputData(heart);
  filter->Update();
  std::string said = heard.Warning();
  CHECK(heard.Error().empty() && Has(said, "'segment'"));
  CHECK(Has(said, "physics-based (paper), physics-based (released): "));
  CHECK(filter->GetScores()->GetNumberOfRows() == 1 && Result(filter, "AT_healthy"));
  CHECK(!Result(filter, "AT_segments5"));

  filter->SetWeights("/nowhere/w.safetensors");
  Choose(filter, { "meta-PINN", "healthy" });
  filter->Update();
  said = heard.Warning();
  CHECK(Has(said, "meta-PINN: ") && Has(said, "/nowhere/w.safetensors"));
  CHECK(Result(filter, "AT_healthy"));

  Choose(filter, { "meta-PINN", "physics-based (paper)" });
  filter->Update();
  said = heard.Error();
  CHECK(Has(said, "'segment'") && Has(said, "/nowhere/w.safetensors"));
  CHECK(heard.Warning().empty());
  CHECK(filter->GetOutput()->GetNumberOfPoints() == 0);
  CHECK(filter->GetScores()->GetNumberOfRows() == 0);
  return true;
}

/** One sentence that has these words, and nothing on the outputs. */
bool Refuses(vtkCompareMethods* filter, Listener& heard, const char* words)
{
  filter->Update();
  CHECK(Has(heard.Error(), words));
  CHECK(filter->GetOutput()->GetNumberOfPoints() == 0);
  CHECK(filter->GetScores()->GetNumberOfRows() == 0);
  return true;
}

bool BadChoicesAreNamed()
{
  auto heart = Heart();
  vtkNew<vtkCompareMethods> filter;
  Listener heard(filter);
  Choose(filter, { "healthy" });
  filter->SetInputData(heart);
  filter->SetQueryArray(nullptr);
  CHECK(Refuses(filter, heard, "No query map"));
  filter->SetQueryArray("AT_01");
  CHECK(Refuses(filter, heard, "'AT_01' is the query and a context map"));
  filter->SetQueryArray("AT_99");
  CHECK(Refuses(filter, heard, "'AT_99'"));
  filter->SetQueryArray("AT_02");
  filter->SetTruthCVArray("no such truth");
  CHECK(Refuses(filter, heard, "'no such truth'"));
  filter->SetTruthCVArray("None");
  filter->UseGivenOriginsOn();
  heart->GetFieldData()->RemoveArray("origins");
  heart->Modified();
  CHECK(Refuses(filter, heard, "'origins'"));
  filter->UseGivenOriginsOff();
  filter->GetMethods()->DisableAllArrays();
  CHECK(Refuses(filter, heard, "No method is chosen"));
  filter->GetMethods()->EnableArray("other weights");
  CHECK(Refuses(filter, heard, "Other Weights"));
  filter->GetMethods()->EnableArray("magic");
  CHECK(Refuses(filter, heard, "'magic'"));
  filter->ClearContextArrays();
  filter->GetMethods()->DisableArray("magic");
  filter->GetMethods()->EnableArray("healthy");
  CHECK(Refuses(filter, heard, "No context map"));
  return true;
}

bool ItRunsOnlyWhenSomethingChanged()
{
  vtkNew<vtkCompareMethods> filter;
  CHECK(!filter->GetMethods()->ArrayIsEnabled("multi-PINN"));
  CHECK(filter->GetMethods()->GetNumberOfArraysEnabled() == 7);
  Counter count(filter);
  Choose(filter, { "healthy" });
  filter->SetInputConnection(Phantom()->GetOutputPort());
  filter->Update();
  filter->SetFittedToEarly();
  filter->SetMaximumEvaluations(8);
  filter->GetMethods()->EnableArray("healthy");
  filter->Update();
  CHECK(count.Executions == 1);
  filter->GetMethods()->EnableArray("meta-PINN");
  filter->Update();
  CHECK(count.Executions == 2 && filter->GetScores()->GetNumberOfRows() == 2);
  std::ostringstream text;
  filter->Print(text);
  CHECK(Has(text.str(), "QueryArray: AT_02") && Has(text.str(), "MaximumEvaluations: 8"));
  return true;
}

bool AnAbortEndsOneRunOnly()
{
  vtkNew<vtkCompareMethods> filter;
  Listener heard(filter);
  Choose(filter, { "healthy", "multi-PINN" });
  filter->SetMultiPINNSteps(1000000);
  filter->SetInputConnection(Phantom()->GetOutputPort());
  Aborter aborter(filter);
  filter->Update();
  CHECK(heard.Error().empty() && heard.Warning().empty());
  CHECK(filter->GetOutput()->GetNumberOfPoints() == 0);
  CHECK(filter->GetScores()->GetNumberOfRows() == 0);
  aborter.LetGo();
  filter->SetMultiPINNSteps(2);
  filter->Update();
  CHECK(heard.Error().empty() && Result(filter, "AT_multiPINN"));
  return true;
}
}

int TestCompareMethods(int argc, char* argv[])
{
  AnyHeart = argc > 2 ? argv[2] : "";
  return EveryMethodGivesFieldsAndARow() && ScoresAreTheMetricsOfTheFields() &&
      TheNetworksAreThoseOfPersonalize() && AMeasuredSurfaceCarriesTheMaps() &&
      AFitToTheWholeQueryIsAnother() && ASurfaceHasNoResidualOfSolutions() &&
      AFailureLeavesTheOthers() && BadChoicesAreNamed() && ItRunsOnlyWhenSomethingChanged() &&
      AnAbortEndsOneRunOnly()
    ? EXIT_SUCCESS
    : EXIT_FAILURE;
}
