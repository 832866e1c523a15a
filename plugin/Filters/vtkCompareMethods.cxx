/*=========================================================================

  Program:   Metapinn
  Module:    vtkCompareMethods.cxx

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
#include "vtkCompareMethods.h"

#include "vtkActivationMapsWork.h"

#include "vtkDataArraySelection.h"
#include "vtkDoubleArray.h"
#include "vtkFieldData.h"
#include "vtkFloatArray.h"
#include "vtkIdTypeArray.h"
#include "vtkInformation.h"
#include "vtkInformationVector.h"
#include "vtkObjectFactory.h"
#include "vtkPointData.h"
#include "vtkPointSet.h"
#include "vtkSmartPointer.h"
#include "vtkStringArray.h"
#include "vtkTable.h"

#include "metapinn/compare.h"
#include "metapinn/map_names.h"
#include "metapinn/metrics.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

vtkStandardNewMacro(vtkCompareMethods);

namespace
{
/** A method as the filter knows it. */
struct MethodType
{
  const char* Name;
  const char* Suffix;
  mpinn_method_kind Kind;
  mpinn_segmentation Segmentation; ///< of MPINN_METHOD_SEGMENTS
  bool Other;                      ///< of OtherWeights
  bool ByDefault;
  double Share; ///< of the time, about, in parts of that of generated networks
};

const MethodType AllMethods[] = {
  { "meta-PINN", "metaPINN", MPINN_METHOD_GENERATED, MPINN_SEGMENTATION_PAPER, false, true, 1 },
  { "meta-PINN, eikonal", "eikonal", MPINN_METHOD_EIKONAL, MPINN_SEGMENTATION_PAPER, false, true,
    1 },
  { "other weights", "other", MPINN_METHOD_GENERATED, MPINN_SEGMENTATION_PAPER, true, true, 1 },
  { "physics-based (paper)", "segments5", MPINN_METHOD_SEGMENTS, MPINN_SEGMENTATION_PAPER, false,
    true, 20 },
  { "physics-based (aha17+rv)", "segments18", MPINN_METHOD_SEGMENTS, MPINN_SEGMENTATION_AHA, false,
    true, 40 },
  { "physics-based (released)", "released", MPINN_METHOD_SEGMENTS, MPINN_SEGMENTATION_RELEASED,
    false, true, 20 },
  { "multi-PINN", "multiPINN", MPINN_METHOD_NETWORKS, MPINN_SEGMENTATION_PAPER, false, false, 500 },
  { "healthy", "healthy", MPINN_METHOD_HEALTHY, MPINN_SEGMENTATION_PAPER, false, true, 1 },
};

const char* const FieldNames[] = { "AT_", "CV_", "PDEResidual_" };
const char* const TextPrefix = "metapinn_compare_";

/** What one method has found, on the heart's nodes. */
struct AnswerType
{
  const MethodType* Method;
  std::vector<float> Fields[3]; ///< as FieldNames: ms, m/s, and none
  mpinn_method_cost Cost;
};

/** "a, b" of names. */
std::string List(const std::vector<std::string>& names)
{
  std::string list;
  for (const std::string& name : names)
  {
    list += (list.empty() ? "" : ", ") + name;
  }
  return list;
}
}

/** What one execution holds and frees. */
class vtkCompareMethods::Work : public vtkActivationMapsWork
{
public:
  explicit Work(vtkCompareMethods* self)
    : vtkActivationMapsWork(self)
    , Self(self)
  {
    this->Truths[0].Name = ArrayName(self->TruthATArray);
    this->Truths[1].Name = ArrayName(self->TruthCVArray);
  }

  /**
   * All methods, of which some may fail: then Failures has their sentences. On failure of the whole
   * Error holds the sentence.
   */
  mpinn_status Execute(vtkDataObject* heart, vtkDataObject* measured)
  {
    const auto wanted = [this](const char* name)
    {
      return this->Truths[0].Name == name || this->Truths[1].Name == name ||
        strcmp(name, "origins") == 0;
    };
    mpinn_status status = this->ChooseMethods();
    if (status == MPINN_OK)
    {
      status = this->TakeInputs(heart, measured, wanted);
    }
    if (status == MPINN_OK)
    {
      status = this->TakeMaps();
    }
    if (status == MPINN_OK && this->Self->UseGivenOrigins)
    {
      status = this->TakeSites();
    }
    for (Truth& truth : this->Truths)
    {
      if (status == MPINN_OK && !truth.Name.empty())
      {
        status = this->TakeTruth(truth);
      }
    }
    return status == MPINN_OK ? this->RunMethods() : status;
  }

  /** What was not to be had of methods, a line for each sentence. */
  std::string Failures() const
  {
    std::string text;
    for (const auto& [sentence, methods] : this->Failed)
    {
      text += (text.empty() ? "" : "\n") + List(methods) + ": " + sentence;
    }
    return text;
  }

  void Attach(vtkPointSet* output) const;
  void FillTable(vtkTable* table) const;

private:
  struct Truth
  {
    std::string Name;
    std::vector<float> Values;
  };

  mpinn_status Fail(mpinn_status status, const std::string& sentence)
  {
    this->Error = sentence;
    return status;
  }

  mpinn_status ChooseMethods();
  mpinn_status TakeMaps();
  mpinn_status TakeSites();
  mpinn_status TakeTruth(Truth& truth);
  mpinn_status RunMethods();
  mpinn_status RunMethod(const MethodType& type, const mpinn_baseline_input& input);
  void Describe(vtkPointSet* output) const;

  vtkCompareMethods* Self;
  std::vector<const MethodType*> Chosen;
  std::vector<std::string> Names;  ///< of the maps, the query last
  std::vector<double> Values;      ///< [maps][nodes of who carries them], ms; NaN: not measured
  std::vector<mpinn_map> Maps;     ///< of Values
  std::vector<mpinn_site> Sites;   ///< [maps], or none: to be found
  Truth Truths[2];                 ///< AT and CV
  std::vector<AnswerType> Answers; ///< of the methods that did not fail
  std::vector<std::pair<std::string, std::vector<std::string>>> Failed; ///< sentence, methods
  std::vector<std::pair<std::string, std::string>> Weights;             ///< text and its SHA-256
};

//------------------------------------------------------------------------------
mpinn_status vtkCompareMethods::Work::ChooseMethods()
{
  vtkDataArraySelection* methods = this->Self->Methods;
  const bool other = this->Self->OtherWeights && *this->Self->OtherWeights;
  for (int i = 0; i < methods->GetNumberOfArrays(); ++i)
  {
    const std::string name = methods->GetArrayName(i);
    const auto known = [&](const MethodType& type) { return name == type.Name; };
    if (methods->GetArraySetting(i) &&
      std::none_of(std::begin(AllMethods), std::end(AllMethods), known))
    {
      std::vector<std::string> all;
      for (const MethodType& type : AllMethods)
      {
        all.push_back(std::string("'") + type.Name + "'");
      }
      return this->Fail(MPINN_ERROR_ARGUMENT,
        "There is no method '" + name + "': expected some of " + List(all) + ".");
    }
  }
  for (const MethodType& type : AllMethods)
  {
    if (methods->ArrayIsEnabled(type.Name) && (other || !type.Other))
    {
      this->Chosen.push_back(&type);
    }
  }
  if (this->Chosen.empty())
  {
    return this->Fail(MPINN_ERROR_ARGUMENT,
      "No method is chosen: tick at least one under Methods ('other weights' also needs a file "
      "under Other Weights).");
  }
  return MPINN_OK;
}

//------------------------------------------------------------------------------
mpinn_status vtkCompareMethods::Work::TakeMaps()
{
  const mpinn_subject* carrier = this->Surface ? this->Surface : this->Heart;
  const std::string where = this->Surface ? "measured surface" : "heart";
  const mpinn_array* mark = mpinn_subject_find(carrier, "measured", MPINN_NODES);
  const size_t nodes = mpinn_mesh_node_count(mpinn_subject_mesh(carrier));
  if (this->Query.empty())
  {
    return this->Fail(MPINN_ERROR_MAP,
      "No query map is chosen: choose the activation map to predict as Query Array.");
  }
  if (std::count(this->Context.begin(), this->Context.end(), this->Query) > 0)
  {
    return this->Fail(MPINN_ERROR_MAP,
      "Activation map '" + this->Query +
        "' is the query and a context map: expected a query that is not ticked under Context "
        "Arrays.");
  }
  this->Names = this->Context;
  this->Names.push_back(this->Query);
  this->Values.resize(this->Names.size() * nodes);
  for (const std::string& name : this->Names)
  {
    double* values = this->Values.data() + this->Maps.size() * nodes;
    const mpinn_array* array = mpinn_subject_find(carrier, name.c_str(), MPINN_NODES);
    if (!array || array->components != 1)
    {
      return this->Fail(MPINN_ERROR_MAP,
        "The " + where + " has no activation map '" + name +
          "': expected the name of a point array with one component, ms.");
    }
    mpinn_array_clean(array, values);
    for (size_t i = 0; mark && i < nodes; ++i)
    {
      values[i] = mpinn_array_get(mark, i, 0) != 0 ? values[i] : std::nan("");
    }
    this->Maps.push_back({ name.c_str(), values });
  }
  return MPINN_OK;
}

//------------------------------------------------------------------------------
mpinn_status vtkCompareMethods::Work::TakeSites()
{
  const mpinn_array* origins = mpinn_subject_find(this->Heart, "origins", MPINN_FIELD);
  if (!origins || origins->components < 4)
  {
    return this->Fail(MPINN_ERROR_ARGUMENT,
      "The heart has no field data array 'origins' with the maps' sites of origin: expected rows "
      "of "
      "x, y, z in mm and the onset in ms, or Use Given Origins off.");
  }
  for (const std::string& map : this->Names)
  {
    char name[16] = "";
    size_t row = 0;
    while (row < origins->rows && (mpinn_subject_map_name(row, name), map != name))
    {
      ++row;
    }
    if (row == origins->rows)
    {
      return this->Fail(MPINN_ERROR_MAP,
        "The site of origin of map '" + map +
          "' is not given: expected a map called AT_00, AT_01 " + "... for one of the " +
          std::to_string(row) + " rows of the field data array 'origins'.");
    }
    mpinn_site site = {};
    for (size_t d = 0; d < 3; ++d)
    {
      site.position[d] = mpinn_array_get(origins, row, d);
    }
    site.onset = mpinn_array_get(origins, row, 3);
    this->Sites.push_back(site);
  }
  return MPINN_OK;
}

//------------------------------------------------------------------------------
mpinn_status vtkCompareMethods::Work::TakeTruth(Truth& truth)
{
  const mpinn_array* array = mpinn_subject_find(this->Heart, truth.Name.c_str(), MPINN_NODES);
  if (!array || array->components != 1)
  {
    return this->Fail(MPINN_ERROR_ARGUMENT,
      "The heart has no point array '" + truth.Name + "' of one component to compare with.");
  }
  truth.Values = vtkMetapinnConvert::Floats(array);
  return MPINN_OK;
}

//------------------------------------------------------------------------------
mpinn_status vtkCompareMethods::Work::RunMethods()
{
  const mpinn_mesh* points = mpinn_subject_mesh(this->Surface ? this->Surface : this->Heart);
  mpinn_baseline_input input = {};
  input.heart = this->Heart;
  input.n_surface = mpinn_mesh_node_count(points);
  input.surface = mpinn_mesh_points(points);
  input.n_maps = this->Context.size();
  input.maps = this->Maps.data();
  input.query = &this->Maps.back();
  input.sites = this->Sites.empty() ? nullptr : this->Sites.data();
  double all = 0.0, done = 0.0;
  for (const MethodType* type : this->Chosen)
  {
    all += type->Share;
  }
  for (const MethodType* type : this->Chosen)
  {
    this->Run.SetPart(done / all, (done + type->Share) / all);
    const mpinn_status status = this->RunMethod(*type, input);
    if (status == MPINN_CANCELLED)
    {
      return status;
    }
    if (status != MPINN_OK)
    {
      const auto same = [this](const auto& failed) { return failed.first == this->Error; };
      auto found = std::find_if(this->Failed.begin(), this->Failed.end(), same);
      if (found == this->Failed.end())
      {
        found = this->Failed.insert(found, { this->Error, {} });
      }
      found->second.emplace_back(type->Name);
    }
    done += type->Share;
  }
  return this->Answers.empty() ? this->Fail(MPINN_ERROR_ARGUMENT, this->Failures()) : MPINN_OK;
}

//------------------------------------------------------------------------------
mpinn_status vtkCompareMethods::Work::RunMethod(
  const MethodType& type, const mpinn_baseline_input& input)
{
  vtkMetapinnModel& model = type.Other ? *this->Self->OtherModel : *this->Self->Model;
  mpinn_method method;
  mpinn_method_default(&method, type.Kind);
  method.segments.segmentation = type.Segmentation;
  method.segments.max_evaluations = static_cast<size_t>(this->Self->MaximumEvaluations);
  method.networks.steps = static_cast<size_t>(this->Self->MultiPINNSteps);
  method.whole = this->Self->FittedTo == FITTED_TO_WHOLE;
  mpinn_status status = MPINN_OK;
  if (type.Kind == MPINN_METHOD_GENERATED || type.Kind == MPINN_METHOD_EIKONAL)
  {
    status = this->ReadModel(model, type.Other ? this->Self->OtherWeights : this->Self->Weights);
    method.model = model.GetHandle();
  }
  if (status != MPINN_OK)
  {
    return status;
  }
  AnswerType answer = {};
  answer.Method = &type;
  for (std::vector<float>& field : answer.Fields)
  {
    field.resize(mpinn_mesh_node_count(mpinn_subject_mesh(this->Heart)));
  }
  status = this->Explain(mpinn_method_run(this->Run, &method, &input, answer.Fields[0].data(),
                           answer.Fields[1].data(), answer.Fields[2].data(), &answer.Cost),
    model);
  if (status != MPINN_OK)
  {
    return status;
  }
  if (method.model)
  {
    const char* sha256 = mpinn_model_text(method.model, "sha256");
    this->Weights.emplace_back(
      type.Other ? "other_weights_sha256" : "weights_sha256", sha256 ? sha256 : "");
  }
  this->Answers.push_back(std::move(answer));
  return MPINN_OK;
}

//------------------------------------------------------------------------------
void vtkCompareMethods::Work::Describe(vtkPointSet* output) const
{
  std::vector<std::string> methods;
  for (const AnswerType& answer : this->Answers)
  {
    methods.emplace_back(answer.Method->Name);
  }
  const bool whole = this->Self->FittedTo == FITTED_TO_WHOLE;
  std::vector<std::pair<std::string, std::string>> texts = { { "version", mpinn_version() },
    { "units", "AT ms, CV m/s, PDEResidual 1" }, { "methods", List(methods) },
    { "context", List(this->Context) }, { "query", this->Query },
    { "fitted_to", whole ? "whole query map" : "context maps and 20 % of the query map" },
    { "origins", this->Sites.empty() ? "found" : "given" } };
  texts.insert(texts.end(), this->Weights.begin(), this->Weights.end());
  for (const auto& [key, value] : texts)
  {
    vtkMetapinnConvert::SetText(output, (TextPrefix + key).c_str(), value);
  }
}

//------------------------------------------------------------------------------
void vtkCompareMethods::Work::Attach(vtkPointSet* output) const
{
  vtkFieldData* texts = output->GetFieldData();
  vtkPointData* arrays = output->GetPointData();
  bool compared = false;
  for (int i = texts->GetNumberOfArrays() - 1; i >= 0; --i)
  {
    const char* name = texts->GetArrayName(i);
    if (name && strncmp(name, TextPrefix, strlen(TextPrefix)) == 0)
    {
      texts->RemoveArray(i);
      compared = true;
    }
  }
  // What an earlier comparison left would pass for a part of this one.
  for (const MethodType& type : AllMethods)
  {
    for (const char* field : FieldNames)
    {
      if (compared)
      {
        arrays->RemoveArray((std::string(field) + type.Suffix).c_str());
      }
    }
  }
  for (const AnswerType& answer : this->Answers)
  {
    for (int f = 0; f < 3; ++f)
    {
      const std::vector<float>& values = answer.Fields[f];
      if (std::all_of(values.begin(), values.end(), [](float value) { return std::isnan(value); }))
      {
        continue;
      }
      vtkNew<vtkFloatArray> array;
      array->SetName((std::string(FieldNames[f]) + answer.Method->Suffix).c_str());
      array->SetNumberOfValues(static_cast<vtkIdType>(values.size()));
      std::copy(values.begin(), values.end(), array->GetPointer(0));
      arrays->AddArray(array);
    }
  }
  arrays->SetActiveScalars((std::string("AT_") + this->Answers[0].Method->Suffix).c_str());
  this->Describe(output);
}

//------------------------------------------------------------------------------
void vtkCompareMethods::Work::FillTable(vtkTable* table) const
{
  const auto rows = static_cast<vtkIdType>(this->Answers.size());
  vtkNew<vtkStringArray> names;
  names->SetName("Method");
  for (const AnswerType& answer : this->Answers)
  {
    names->InsertNextValue(answer.Method->Name);
  }
  table->AddColumn(names);
  const auto addColumn = [&](auto* column, const char* name, auto value)
  {
    column->SetName(name);
    column->SetNumberOfValues(rows);
    for (vtkIdType row = 0; row < rows; ++row)
    {
      column->SetValue(row, value(this->Answers[row]));
    }
    table->AddColumn(column);
  };
  const auto addNumbers = [&](const char* name, auto value)
  { addColumn(vtkNew<vtkDoubleArray>().Get(), name, value); };
  const auto addCounts = [&](const char* name, size_t mpinn_method_cost::*count)
  {
    addColumn(vtkNew<vtkIdTypeArray>().Get(), name,
      [count](const AnswerType& answer) { return static_cast<vtkIdType>(answer.Cost.*count); });
  };
  /** A metric of a field (0 AT, 1 CV) against its truth, where that is known. */
  const auto addMetric = [&](const char* name, int field, auto metric)
  {
    const std::vector<float>& truth = this->Truths[field].Values;
    if (!truth.empty())
    {
      addNumbers(name,
        [&, field](const AnswerType& answer)
        { return metric(truth.size(), answer.Fields[field].data(), truth.data()); });
    }
  };
  const double slow = 0.35; // m/s, below which tissue is taken for scar
  addNumbers("Seconds", [](const AnswerType& answer) { return answer.Cost.seconds; });
  addCounts("Eikonal solves", &mpinn_method_cost::solves);
  addCounts("Optimizer steps", &mpinn_method_cost::steps);
  addMetric("AT SCC", 0, mpinn_scc);
  addMetric("AT relative RMSE", 0, mpinn_relative_rmse);
  addMetric("AT MAE (ms)", 0, mpinn_mean_absolute_error);
  addMetric("CV SCC", 1, mpinn_scc);
  addMetric("CV relative RMSE", 1, mpinn_relative_rmse);
  addMetric("CV MAE (m/s)", 1, mpinn_mean_absolute_error);
  addMetric("Scar Dice", 1,
    [slow](size_t n, const float* predicted, const float* truth)
    { return mpinn_dice_below(n, predicted, truth, slow); });
  addNumbers("Residual mean square",
    [](const AnswerType& answer)
    { return mpinn_mean_square(answer.Fields[2].size(), answer.Fields[2].data()); });
}

//------------------------------------------------------------------------------
vtkCompareMethods::vtkCompareMethods()
  : Model(new vtkMetapinnModel)
  , OtherModel(new vtkMetapinnModel)
{
  this->SetNumberOfOutputPorts(2);
  for (const MethodType& type : AllMethods)
  {
    this->Methods->AddArray(type.Name, type.ByDefault);
  }
}

//------------------------------------------------------------------------------
vtkCompareMethods::~vtkCompareMethods()
{
  this->SetOtherWeights(nullptr);
  this->SetTruthATArray(nullptr);
  this->SetTruthCVArray(nullptr);
}

//------------------------------------------------------------------------------
vtkMTimeType vtkCompareMethods::GetMTime()
{
  return std::max(this->Superclass::GetMTime(), this->Methods->GetMTime());
}

//------------------------------------------------------------------------------
vtkTable* vtkCompareMethods::GetScores()
{
  return vtkTable::SafeDownCast(this->GetOutputDataObject(1));
}

//------------------------------------------------------------------------------
int vtkCompareMethods::FillOutputPortInformation(int port, vtkInformation* info)
{
  if (port == 0)
  {
    return this->Superclass::FillOutputPortInformation(port, info);
  }
  info->Set(vtkDataObject::DATA_TYPE_NAME(), "vtkTable");
  return 1;
}

//------------------------------------------------------------------------------
int vtkCompareMethods::RequestDataObject(
  vtkInformation*, vtkInformationVector** inputVector, vtkInformationVector* outputVector)
{
  // The superclass makes what it is given on every port.
  vtkPointSet* heart = vtkPointSet::GetData(inputVector[0], 0);
  vtkPointSet* output = vtkPointSet::GetData(outputVector, 0);
  if (heart && !(output && output->IsA(heart->GetClassName())))
  {
    auto made = vtk::TakeSmartPointer(heart->NewInstance());
    outputVector->GetInformationObject(0)->Set(vtkDataObject::DATA_OBJECT(), made);
  }
  if (!vtkTable::GetData(outputVector, 1))
  {
    outputVector->GetInformationObject(1)->Set(vtkDataObject::DATA_OBJECT(), vtkNew<vtkTable>());
  }
  return heart ? 1 : 0;
}

//------------------------------------------------------------------------------
int vtkCompareMethods::RequestData(
  vtkInformation*, vtkInformationVector** inputVector, vtkInformationVector* outputVector)
{
  const auto start = std::chrono::steady_clock::now();
  vtkPointSet* heart = vtkPointSet::GetData(inputVector[0], 0);
  vtkDataObject* measured = vtkDataObject::GetData(inputVector[1], 0);
  vtkPointSet* output = vtkPointSet::GetData(outputVector, 0);
  vtkTable* scores = vtkTable::GetData(outputVector, 1);
  // VTK 9.2 leaves the flag of an earlier abort set, and every later run would stop at once. Not
  // through SetAbortExecute(), which would call Modified().
  this->AbortExecute = 0;
  this->Seconds = 0.0;
  output->Initialize();
  scores->Initialize();

  std::string rankError;
  const auto share =
    vtkMetapinnConvert::ShareOf(this, this->Controller, heart, measured, rankError);
  if (share != vtkMetapinnConvert::Share::Whole)
  {
    if (share == vtkMetapinnConvert::Share::Spread)
    {
      vtkErrorMacro(<< rankError);
    }
    return 1;
  }

  Work work(this);
  const vtkSmartPointer<vtkDataObject> joined =
    measured ? vtkMetapinnConvert::Join(measured) : nullptr;
  const mpinn_status status = work.Execute(heart, joined);
  if (status != MPINN_OK)
  {
    if (status != MPINN_CANCELLED)
    {
      vtkErrorMacro(<< work.Error);
    }
    // 1, not 0: after a 0 the executive adds an error of its own that nobody can read.
    return 1;
  }
  if (!work.Failures().empty())
  {
    vtkWarningMacro(<< work.Failures());
  }
  output->ShallowCopy(heart);
  work.Attach(output);
  work.FillTable(scores);
  this->Seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return 1;
}

//------------------------------------------------------------------------------
void vtkCompareMethods::PrintSelf(ostream& os, vtkIndent indent)
{
  this->Superclass::PrintSelf(os, indent);
  os << indent << "Methods:\n";
  this->Methods->PrintSelf(os, indent.GetNextIndent());
  os << indent << "OtherWeights: " << (this->OtherWeights ? this->OtherWeights : "(none)") << "\n";
  os << indent << "FittedTo: " << this->FittedTo << "\n";
  os << indent << "UseGivenOrigins: " << (this->UseGivenOrigins ? "On" : "Off") << "\n";
  os << indent << "MaximumEvaluations: " << this->MaximumEvaluations << "\n";
  os << indent << "MultiPINNSteps: " << this->MultiPINNSteps << "\n";
  os << indent << "TruthATArray: " << (this->TruthATArray ? this->TruthATArray : "(none)") << "\n";
  os << indent << "TruthCVArray: " << (this->TruthCVArray ? this->TruthCVArray : "(none)") << "\n";
  os << indent << "Seconds: " << this->Seconds << "\n";
}
