// A plugin of Qt that presses ParaView's abort button once: the first time that it is enabled, or
// the Nth. Scripts of clicks cannot do that: they wait while a filter computes. Chosen by
// QT_QPA_GENERIC_PLUGINS=click_abort or click_abort:N.
#include <QApplication>
#include <QEvent>
#include <QGenericPlugin>
#include <QMouseEvent>
#include <QToolButton>
#include <QWindow>

class ClickAbort : public QObject
{
  Q_OBJECT

public:
  ClickAbort(int which, QObject* parent)
    : QObject(parent)
    , ToCome(which)
  {
    qApp->installEventFilter(this);
  }

  bool eventFilter(QObject* object, QEvent* event) override
  {
    auto* button = qobject_cast<QToolButton*>(object);
    if (event->type() == QEvent::EnabledChange && button && button->isEnabled() &&
      button->objectName() == "AbortButton" && --this->ToCome == 0)
    {
      qApp->removeEventFilter(this);
      this->Click(button);
    }
    return false;
  }

private:
  // To the window, as the mouse does, and not to the button; posted, so that it waits until events
  // are let through.
  void Click(QWidget* button)
  {
    const QPoint where = button->mapTo(button->window(), button->rect().center());
    QWindow* window = button->window()->windowHandle();
    for (QEvent::Type type : { QEvent::MouseButtonPress, QEvent::MouseButtonRelease })
    {
      QCoreApplication::postEvent(window,
        new QMouseEvent(type, where, where, window->mapToGlobal(where), Qt::LeftButton,
          type == QEvent::MouseButtonPress ? Qt::LeftButton : Qt::NoButton, Qt::NoModifier));
    }
  }

  int ToCome; ///< times that the button is enabled, to the one that counts
};

class ClickAbortPlugin : public QGenericPlugin
{
  Q_OBJECT
  Q_PLUGIN_METADATA(IID QGenericPluginFactoryInterface_iid FILE "click_abort.json")

public:
  QObject* create(const QString&, const QString& which) override
  {
    return new ClickAbort(which.isEmpty() ? 1 : which.toInt(), this);
  }
};

#include "click_abort.moc"
