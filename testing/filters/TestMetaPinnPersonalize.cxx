// vtkMetaPinnPersonalize: the core's answer on VTK's data, its errors, and its life in a pipeline.
// The environment variable METAPINN_MODEL names untrained weights of preset paper; the second
// argument those of preset any-heart.
#include "MetapinnTesting.h"

#include "vtkMetaPinnPersonalize.h"
#include "vtkMetapinnConvert.h"
#include "vtkPhantomHeartSource.h"

#include "vtkCallbackCommand.h"
#include "vtkCellData.h"
#include "vtkCommand.h"
#include "vtkDataArraySelection.h"
#include "vtkDoubleArray.h"
#include "vtkFieldData.h"
#include "vtkFloatArray.h"
#include "vtkMultiBlockDataSet.h"
#include "vtkPlaneSource.h"
#include "vtkPointData.h"
#include "vtkPoints.h"
#include "vtkPolyData.h"
#include "vtkStringArray.h"

#include "metapinn/personalize.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

using namespace MetapinnTesting;

namespace
{
std::string Folder, AnyHeart, Neural;

/** A phantom heart with six maps, made once. */
vtkPhantomHeartSource* Phantom()
{
  static vtkNew<vtkPhantomHeartSource> source;
  source->SetNumberOfNodes(1700);
  source->SetRefinements(0);
  source->Update();
  return source;
}

/** A copy of the phantom that a test may spoil. */
vtkSmartPointer<vtkUnstructuredGrid> Heart()
{
  auto heart = vtkSmartPointer<vtkUnstructuredGrid>::New();
  heart->DeepCopy(Phantom()->GetOutput());
  return heart;
}

void Choose(vtkMetaPinnPersonalize* filter)
{
  for (const char* name : { "AT_00", "AT_01", "AT_02", "AT_03", "AT_04" })
  {
    filter->AddContextArray(name);
  }
  filter->SetQueryArray("AT_05");
}

vtkDataArray* Result(vtkMetaPinnPersonalize* filter, const char* name)
{
  return filter->GetOutput()->GetPointData()->GetArray(name);
}

std::string FieldText(vtkMetaPinnPersonalize* filter, const char* name)
{
  auto* text =
    vtkStringArray::SafeDownCast(filter->GetOutput()->GetFieldData()->GetAbstractArray(name));
  return text && text->GetNumberOfValues() ? text->GetValue(0) : "";
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

/** Whether a filter, with its maps chosen, gives what the core gives with these options. */
bool SameAsTheCore(vtkMetaPinnPersonalize* filter, mpinn_personalize_options options,
  const std::string& weights, const std::vector<const char*>& fields)
{
  auto heart = Heart();
  filter->SetInputData(heart);
  filter->SetWeights(weights.c_str());
  filter->Update();

  mpinn_context* context = nullptr;
  mpinn_context_create(nullptr, &context);
  mpinn_subject* subject = nullptr;
  mpinn_model* model = nullptr;
  vtkMetapinnConvert::Cells cells;
  std::string error;
  vtkMetapinnConvert::ToSubject(
    context, heart, "heart", vtkMetapinnConvert::AnyArray, &subject, cells, error);
  const bool done =
    mpinn_model_read(context, weights.c_str(), MPINN_BACKEND_CPU, &model) == MPINN_OK &&
    mpinn_personalize_subject(context, model, subject, nullptr, &options, nullptr, nullptr) ==
      MPINN_OK;
  bool same = done;
  for (const char* name : fields)
  {
    auto expected = done ? vtk::TakeSmartPointer(vtkMetapinnConvert::NewArray(
                             mpinn_subject_find(subject, name, MPINN_NODES)))
                         : vtkSmartPointer<vtkDataArray>();
    same = same && Same(Result(filter, name), expected);
  }
  for (const char* key : { "metapinn_origin_mm", "metapinn_origin_misfit_ms",
         "metapinn_consistency_ms", "metapinn_uncertainty", "metapinn_query" })
  {
    const char* expected = done ? mpinn_subject_get_text(subject, key) : nullptr;
    same = same && FieldText(filter, key) == (expected ? expected : "");
  }
  mpinn_subject_destroy(&subject);
  mpinn_model_destroy(&model);
  mpinn_context_destroy(&context);
  CHECK(same);
  return true;
}

bool FieldsAreTheCores()
{
  const char* names[] = { "AT_00", "AT_01", "AT_02", "AT_03", "AT_04" };
  mpinn_personalize_options options;
  mpinn_personalize_options_default(&options);
  options.n_context = 5;
  options.context = names;
  options.query = "AT_05";
  vtkNew<vtkMetaPinnPersonalize> filter;
  Choose(filter);
  return SameAsTheCore(filter, options, vtkMetapinnConvert::ShippedWeights(),
    { "AT", "CV", "PDEResidual", "Support" });
}

/** Two context maps and an origin, which are enough here; one thread, since the machine may have
 * other work. */
void ChooseFew(vtkMetaPinnPersonalize* filter)
{
  filter->AddContextArray("AT_00");
  filter->AddContextArray("AT_01");
  filter->SetWeights(AnyHeart.c_str());
  filter->SetNumberOfThreads(1);
}

bool WeightsWithoutAVelocityGiveActivationAlone()
{
  vtkNew<vtkMetaPinnPersonalize> filter;
  Listener heard(filter);
  ChooseFew(filter);
  filter->SetInputData(Phantom()->GetOutput());
  filter->EikonalOn();
  filter->Update();
  CHECK(Result(filter, "CV") && Result(filter, "ATEikonal"));
  filter->SetWeights(Neural.c_str());
  filter->Update();
  CHECK(heard.Error().empty());
  CHECK(Result(filter, "AT") && Result(filter, "Support"));
  CHECK(!Result(filter, "PDEResidual") && !Result(filter, "ATEikonal"));
  CHECK(std::isnan(filter->GetResidualMeanSquare()) && !Has(filter->GetSummary(), "residual"));
  return true;
}

bool PhysicsAndUncertaintyAreTheCores()
{
  const char* names[] = { "AT_00", "AT_01" };
  mpinn_site origin = {};
  Phantom()->GetOutput()->GetPoint(10, origin.position);
  mpinn_personalize_options options;
  mpinn_personalize_options_default(&options);
  options.n_context = 2;
  options.context = names;
  options.eikonal = options.uncertainty = true;
  vtkNew<vtkMetaPinnPersonalize> filter;
  ChooseFew(filter);
  filter->EikonalOn();
  filter->UncertaintyOn();
  const std::vector<const char*> fields = { "AT", "CV", "ATEikonal", "ATStd", "CVStd" };
  CHECK(SameAsTheCore(filter, options, AnyHeart, fields));
  CHECK(filter->GetConsistency() > 0 && Has(filter->GetSummary(), "ATEikonal"));
  CHECK(FieldText(filter, "metapinn_preset") == "any-heart");
  CHECK(!filter->GetStranger() && FieldText(filter, "Notice").empty());

  // From a given origin, whose misfit is none.
  options.uncertainty = false;
  options.origin = &origin;
  filter->UncertaintyOff();
  filter->UseOriginOn();
  filter->SetOrigin(origin.position);
  CHECK(SameAsTheCore(filter, options, AnyHeart, { "AT", "ATEikonal" }));
  CHECK(FieldText(filter, "metapinn_origin_misfit_ms") == "0");

  // The same questions to the paper's preset.
  filter->UncertaintyOn();
  options.uncertainty = true;
  return SameAsTheCore(filter, options, vtkMetapinnConvert::ShippedWeights(), fields);
}

bool NothingIsLeftOfAnEarlierAnswer()
{
  vtkNew<vtkMetaPinnPersonalize> first, second;
  ChooseFew(first);
  first->EikonalOn();
  first->UncertaintyOn();
  first->SetInputData(Heart());
  ChooseFew(second);
  second->SetInputConnection(first->GetOutputPort());
  second->Update();
  CHECK(Result(first, "ATEikonal") && Result(first, "CVStd"));
  for (const char* name : { "ATEikonal", "ATStd", "CVStd", "AT_input" })
  {
    CHECK(!Result(second, name));
  }
  CHECK(FieldText(second, "metapinn_origin_mm").empty());
  CHECK(FieldText(second, "metapinn_uncertainty").empty());
  CHECK(Same(Result(second, "AT"), Result(first, "AT")));
  // The truth that the heart came with is still there, and not the first answer in its place.
  CHECK(Same(Result(second, "CV_input"), Phantom()->GetOutput()->GetPointData()->GetArray("CV")));
  return true;
}

bool RefinementIsReportedAndCanBeAborted()
{
  vtkNew<vtkMetaPinnPersonalize> filter;
  Listener heard(filter);
  ChooseFew(filter);
  filter->SetInputData(Heart());
  filter->RefineOn();
  filter->SetRefineSeconds(1000);
  vtkNew<vtkCallbackCommand> stop;
  stop->SetCallback(
    [](vtkObject* caller, unsigned long, void*, void*)
    {
      auto* algorithm = static_cast<vtkAlgorithm*>(caller);
      const char* what = algorithm->GetProgressText();
      algorithm->SetAbortExecute(what && strstr(what, "refining") ? 1 : 0);
    });
  const unsigned long tag = filter->AddObserver(vtkCommand::ProgressEvent, stop);
  filter->Update();
  CHECK(heard.Error().empty() && filter->GetOutput()->GetNumberOfPoints() == 0);
  filter->RemoveObserver(tag);
  filter->SetRefineSeconds(0.05);
  filter->Update();
  CHECK(heard.Error().empty() && Result(filter, "AT"));
  CHECK(Has(FieldText(filter, "metapinn_refine"), "misfit on held back nodes"));
  CHECK(Has(filter->GetSummary(), "refined"));
  filter->RefineOff();
  filter->Update();
  CHECK(FieldText(filter, "metapinn_refine").empty());
  return true;
}

bool ARefinementThatCannotBeIsRefused()
{
  vtkNew<vtkMetaPinnPersonalize> filter;
  Listener heard(filter);
  ChooseFew(filter);
  filter->SetInputData(Heart());
  filter->RefineOn();
  for (const double seconds : { 0.0, -1.0, std::nan("") })
  {
    filter->SetRefineSeconds(seconds);
    filter->Update();
    CHECK(Has(heard.Error(), "Refine Seconds") && filter->GetOutput()->GetNumberOfPoints() == 0);
  }
  filter->SetRefineSeconds(1);
  filter->SetWeights(nullptr); // those of the paper's preset
  filter->Update();
  const std::string error = heard.Error();
  CHECK(Has(error, "'paper'") && Has(error, "'any-heart'"));
  CHECK(filter->GetOutput()->GetNumberOfPoints() == 0);
  return true;
}

bool TheHeartComesThroughWithProvenance()
{
  auto heart = Heart();
  vtkNew<vtkMetaPinnPersonalize> filter;
  Listener heard(filter);
  Choose(filter);
  filter->SetInputData(heart);
  filter->Update();
  CHECK(filter->GetOutput()->IsA("vtkUnstructuredGrid"));
  CHECK(filter->GetOutput()->GetPoints() == heart->GetPoints());
  CHECK(filter->GetOutput()->GetNumberOfCells() == heart->GetNumberOfCells());
  CHECK(Result(filter, "AT_03") == heart->GetPointData()->GetArray("AT_03"));
  CHECK(filter->GetOutput()->GetCellData()->GetArray("CV"));
  // The true CV keeps its values under another name, and the input is not touched.
  CHECK(Same(Result(filter, "CV_input"), heart->GetPointData()->GetArray("CV")));
  CHECK(!heart->GetPointData()->GetArray("AT"));
  CHECK(FieldText(filter, "metapinn_weights_sha256").size() == 64);
  CHECK(Has(FieldText(filter, "metapinn_context"), "AT_02"));
  CHECK(Has(FieldText(filter, "metapinn_query"), "AT_05"));
  CHECK(FieldText(filter, "metapinn_backend") == "cpu");
  CHECK(filter->GetNumberOfMeasuredNodes() == 300);
  CHECK(filter->GetSeconds() > 0 && filter->GetTotalSeconds() >= filter->GetSeconds());
  CHECK(Has(filter->GetSummary(), "300 measured nodes"));
  // Untrained weights know no heart: every one is a stranger.
  CHECK(filter->GetStranger() && Has(FieldText(filter, "Notice"), "no accuracy"));
  CHECK(Has(filter->GetSummary(), "unlike"));
  // Which is not a warning: ParaView would open its message window at every run.
  CHECK(heard.Warning().empty());
  return true;
}

bool AMeasuredSurfaceGivesWhatTheHeartsOwnMapsGive()
{
  vtkNew<vtkMetaPinnPersonalize> own, separate, blocks;
  Choose(own);
  own->SetInputData(Phantom()->GetOutput());
  own->Update();
  for (const char* name : { "AT_00", "AT_01", "AT_02", "AT_03", "AT_04" })
  {
    separate->AddMeasuredContextArray(name);
    blocks->AddContextArray(name);
  }
  separate->SetMeasuredQueryArray("AT_05");
  blocks->SetQueryArray("AT_05");
  separate->AddContextArray("of the heart, and not used");
  separate->SetInputData(0, Phantom()->GetOutput());
  separate->SetMeasuredConnection(Phantom()->GetOutputPort(1));
  separate->Update();
  vtkNew<vtkMultiBlockDataSet> composite;
  composite->SetBlock(1, Phantom()->GetMeasuredOutput());
  blocks->SetInputData(0, Phantom()->GetOutput());
  blocks->SetInputData(1, composite);
  blocks->Update();
  // The phantom's surface lacks the few measured nodes of no endocardial triangle, hence "about".
  CHECK(separate->GetNumberOfMeasuredNodes() > 250);
  CHECK(Result(separate, "AT") && Result(separate, "CV"));
  CHECK(Same(Result(separate, "AT"), Result(blocks, "AT")));
  return true;
}

/** The measured surface's points and arrays without its triangles. */
vtkSmartPointer<vtkPolyData> Sites()
{
  auto sites = vtkSmartPointer<vtkPolyData>::New();
  sites->SetPoints(Phantom()->GetMeasuredOutput()->GetPoints());
  sites->GetPointData()->ShallowCopy(Phantom()->GetMeasuredOutput()->GetPointData());
  return sites;
}

bool MeasuredPointsNeedNoTriangles()
{
  vtkNew<vtkMetaPinnPersonalize> surface, points, blocks;
  Listener heard(points);
  vtkNew<vtkMultiBlockDataSet> composite;
  composite->SetBlock(0, Sites());
  for (vtkMetaPinnPersonalize* filter : { surface.Get(), points.Get(), blocks.Get() })
  {
    Choose(filter);
    filter->SetInputData(0, Phantom()->GetOutput());
  }
  surface->SetMeasuredConnection(Phantom()->GetOutputPort(1));
  points->SetInputData(1, Sites());
  blocks->SetInputData(1, composite);
  surface->Update();
  points->Update();
  blocks->Update();
  CHECK(heard.Error().empty() && heard.Warning().empty());
  CHECK(Same(Result(surface, "AT"), Result(points, "AT")));
  CHECK(Same(Result(surface, "CV"), Result(blocks, "CV")));
  CHECK(points->GetNumberOfMeasuredNodes() == surface->GetNumberOfMeasuredNodes());
  return true;
}

bool ASurfaceIsAHeartToo()
{
  vtkNew<vtkMetaPinnPersonalize> filter;
  filter->SetInputConnection(Phantom()->GetOutputPort(1));
  filter->AddContextArray("AT_00");
  filter->AddContextArray("AT_01");
  filter->Update();
  CHECK(filter->GetOutput()->IsA("vtkPolyData"));
  CHECK(Result(filter, "AT") && Result(filter, "PDEResidual"));
  return true;
}

bool OriginsThreadsAndBackends()
{
  vtkNew<vtkMetaPinnPersonalize> filter;
  Listener heard(filter);
  Choose(filter);
  filter->SetQueryArray(nullptr);
  filter->SetInputData(Phantom()->GetOutput());
  filter->UseOriginOn();
  filter->SetOrigin(Phantom()->GetOutput()->GetPoint(10));
  filter->Update();
  CHECK(Has(FieldText(filter, "metapinn_query"), "origin"));
  vtkNew<vtkFloatArray> two;
  two->DeepCopy(Result(filter, "AT"));
  filter->SetNumberOfThreads(1);
  filter->Update();
  CHECK(Same(two, Result(filter, "AT")));
  heard.Error();
  filter->SetBackendToCUDA();
  filter->Update();
  const std::string error = heard.Error();
  if (error.empty()) // a build and a machine that have it
  {
    return FieldText(filter, "metapinn_backend") == "cuda";
  }
  CHECK(Has(error, "cuda") && error != "several");
  CHECK(filter->GetOutput()->GetNumberOfPoints() == 0);
  filter->SetBackendToCPU();
  filter->Update();
  CHECK(heard.Error().empty() && Same(two, Result(filter, "AT")));
  return true;
}

/** What a filter on this heart says, with these maps chosen. */
std::string ErrorOf(
  vtkPointSet* heart, const std::vector<const char*>& maps, const char* weights = nullptr)
{
  vtkNew<vtkMetaPinnPersonalize> filter;
  Listener heard(filter);
  filter->SetInputData(heart);
  for (const char* map : maps)
  {
    filter->AddContextArray(map);
  }
  filter->SetWeights(weights);
  filter->Update();
  const std::string error = heard.Error();
  if (filter->GetOutput()->GetNumberOfPoints() > 0)
  {
    return error + " (and an output all the same)";
  }
  return error;
}

vtkSmartPointer<vtkFloatArray> Map(vtkIdType values, float value)
{
  auto map = vtkSmartPointer<vtkFloatArray>::New();
  map->SetName("AT_bad");
  map->SetNumberOfValues(values);
  map->FillValue(value);
  return map;
}

/** One sentence that names the thing, and nothing on the output. */
bool Refuses(const std::string& error, const char* names)
{
  CHECK(Has(error, names));
  CHECK(error != "several" && error.find("all the same") == std::string::npos);
  return true;
}

bool BadMapsAreNamed()
{
  auto heart = Heart();
  const vtkIdType nodes = heart->GetNumberOfPoints();
  CHECK(Refuses(ErrorOf(heart, {}), "No context map"));
  CHECK(Refuses(ErrorOf(heart, { "AT_99" }), "AT_99"));
  heart->GetPointData()->AddArray(Map(nodes, std::nanf("")));
  CHECK(Refuses(ErrorOf(heart, { "AT_bad" }), "AT_bad"));
  heart->GetPointData()->AddArray(Map(nodes, -10000));
  CHECK(Refuses(ErrorOf(heart, { "AT_bad" }), "AT_bad"));
  heart->GetPointData()->AddArray(Map(nodes, 12));
  CHECK(Refuses(ErrorOf(heart, { "AT_bad" }), "AT_bad"));
  heart->GetPointData()->AddArray(Map(5, 12));
  CHECK(Refuses(ErrorOf(heart, { "AT_bad" }), "AT_bad"));
  heart->GetPointData()->RemoveArray("AT_bad");
  heart->GetCellData()->AddArray(Map(heart->GetNumberOfCells(), 12));
  CHECK(Refuses(ErrorOf(heart, { "AT_bad" }), "AT_bad"));
  return true;
}

bool SentinelsAreNotMeasurements()
{
  auto heart = Heart();
  auto marked = Map(heart->GetNumberOfPoints(), -10000),
       missing = Map(heart->GetNumberOfPoints(), std::nanf(""));
  vtkDataArray* truth = heart->GetPointData()->GetArray("AT_00");
  for (vtkIdType i = 0; i < truth->GetNumberOfTuples(); i += 2)
  {
    marked->SetTuple1(i, truth->GetTuple1(i) - 500);
    missing->SetTuple1(i, truth->GetTuple1(i) - 500);
  }
  missing->SetName("AT_nan");
  heart->GetPointData()->AddArray(marked);
  heart->GetPointData()->AddArray(missing);
  vtkNew<vtkMetaPinnPersonalize> a, b;
  a->SetInputData(heart);
  b->SetInputData(heart);
  a->AddContextArray("AT_bad");
  b->AddContextArray("AT_nan");
  a->Update();
  b->Update();
  CHECK(Same(Result(a, "AT"), Result(b, "AT")));
  CHECK(!FieldText(a, "metapinn_cleaning").empty());
  return true;
}

bool BadMeshesAreNamed()
{
  vtkNew<vtkUnstructuredGrid> empty;
  CHECK(Refuses(ErrorOf(empty, { "AT_00" }), "no points"));
  vtkNew<vtkPlaneSource> quads;
  quads->Update();
  CHECK(Refuses(ErrorOf(quads->GetOutput(), { "AT_00" }), "only quadrilaterals"));
  auto heart = Heart();
  heart->GetPoints()->SetPoint(3, std::nan(""), 0, 0);
  CHECK(Refuses(ErrorOf(heart, { "AT_00" }), "3"));
  return true;
}

bool BadMeasuredPointsAreNamed()
{
  vtkNew<vtkMetaPinnPersonalize> filter;
  Listener heard(filter);
  filter->SetInputData(0, Phantom()->GetOutput());
  filter->AddContextArray("AT_00");
  vtkNew<vtkPolyData> none;
  filter->SetInputData(1, none);
  filter->Update();
  CHECK(Has(heard.Error(), "measured surface has no points"));

  vtkNew<vtkPolyData> cells;
  cells->DeepCopy(Phantom()->GetMeasuredOutput());
  vtkNew<vtkFloatArray> map;
  map->SetName("AT_00");
  map->SetNumberOfValues(cells->GetNumberOfCells());
  map->FillValue(12);
  cells->GetPointData()->RemoveArray("AT_00");
  cells->GetCellData()->AddArray(map);
  filter->SetInputData(1, cells);
  filter->Update();
  const std::string error = heard.Error();
  CHECK(Has(error, "AT_00") && Has(error, "cell data"));
  auto sites = Sites();
  vtkNew<vtkPoints> points;
  points->DeepCopy(sites->GetPoints());
  points->SetPoint(2, 0, std::nan(""), 0);
  sites->SetPoints(points);
  filter->SetInputData(1, sites);
  filter->Update();
  CHECK(Has(heard.Error(), "Node 2"));
  // Points alone are no heart.
  CHECK(filter->GetOutput()->GetNumberOfPoints() == 0);
  return Refuses(ErrorOf(Sites(), { "AT_00" }), "no cells");
}

bool BadWeightsAreNamed()
{
  const std::string good = vtkMetapinnConvert::ShippedWeights(), bad = Folder + "/bad.safetensors";
  std::ifstream file(good, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  CHECK(bytes.size() > 1000);
  CHECK(Refuses(ErrorOf(Phantom()->GetOutput(), { "AT_00" }, "/nowhere/w.safetensors"),
    "/nowhere/w.safetensors"));
  for (const std::string& content : { std::string(), std::string("no weights at all"),
         bytes.substr(0, 200), bytes.substr(0, bytes.size() / 2) })
  {
    std::ofstream(bad, std::ios::binary) << content;
    CHECK(Refuses(ErrorOf(Phantom()->GetOutput(), { "AT_00" }, bad.c_str()), "bad.safetensors"));
  }
  return true;
}

bool WeightsAreReadAgainOnlyWhenTheyChange()
{
  const std::string copy = Folder + "/copy.safetensors";
  vtkNew<vtkMetaPinnPersonalize> filter;
  Listener heard(filter);
  {
    std::ifstream from(vtkMetapinnConvert::ShippedWeights(), std::ios::binary);
    std::ofstream(copy, std::ios::binary) << from.rdbuf();
  }
  filter->SetInputData(Phantom()->GetOutput());
  filter->AddContextArray("AT_00");
  filter->SetWeights(copy.c_str());
  filter->Update();
  heard.Error();
  std::ofstream(copy, std::ios::binary) << "spoiled";
  filter->Modified();
  filter->Update();
  CHECK(Has(heard.Error(), "copy.safetensors"));
  std::remove(copy.c_str());
  return true;
}

bool ItRunsOnlyWhenSomethingChanged()
{
  vtkNew<vtkMetaPinnPersonalize> filter;
  Counter count(filter);
  Choose(filter);
  filter->SetInputData(Phantom()->GetOutput());
  filter->Update();
  const vtkMTimeType before = filter->GetMTime();
  filter->SetQueryArray("AT_05");
  filter->SetBackend(vtkMetaPinnPersonalize::BACKEND_AUTO);
  filter->AddContextArray("AT_00");
  filter->SetOrigin(0, 0, 0);
  filter->Update();
  CHECK(filter->GetMTime() == before && count.Executions == 1);
  filter->GetContextArrays()->DisableArray("AT_04");
  filter->Update();
  CHECK(count.Executions == 2 &&
    FieldText(filter, "metapinn_context").find("AT_04") == std::string::npos);
  std::ostringstream text;
  filter->Print(text);
  CHECK(Has(text.str(), "QueryArray: AT_05"));
  return true;
}

bool AnAbortEndsOneRunOnly()
{
  vtkNew<vtkMetaPinnPersonalize> filter;
  Listener heard(filter);
  Choose(filter);
  filter->SetInputData(Phantom()->GetOutput());
  Aborter aborter(filter);
  filter->Update();
  CHECK(heard.Error().empty() && filter->GetOutput()->GetNumberOfPoints() == 0);
  aborter.LetGo();
  filter->SetNumberOfThreads(1);
  filter->Update();
  CHECK(Result(filter, "AT"));
  return true;
}
}

int TestMetaPinnPersonalize(int argc, char* argv[])
{
  Folder = argc > 1 ? argv[1] : ".";
  AnyHeart = argc > 2 ? argv[2] : "";
  Neural = argc > 3 ? argv[3] : "";
  return FieldsAreTheCores() && WeightsWithoutAVelocityGiveActivationAlone() &&
      PhysicsAndUncertaintyAreTheCores() &&
      NothingIsLeftOfAnEarlierAnswer() && RefinementIsReportedAndCanBeAborted() &&
      ARefinementThatCannotBeIsRefused() && TheHeartComesThroughWithProvenance() &&
      AMeasuredSurfaceGivesWhatTheHeartsOwnMapsGive() && MeasuredPointsNeedNoTriangles() &&
      ASurfaceIsAHeartToo() && OriginsThreadsAndBackends() && BadMapsAreNamed() &&
      SentinelsAreNotMeasurements() && BadMeshesAreNamed() && BadMeasuredPointsAreNamed() &&
      BadWeightsAreNamed() && WeightsAreReadAgainOnlyWhenTheyChange() &&
      ItRunsOnlyWhenSomethingChanged() && AnAbortEndsOneRunOnly()
    ? EXIT_SUCCESS
    : EXIT_FAILURE;
}
